package tail

import "io"

const (
	// printMax is how much of a file's beginning identifies it.
	printMax = 1 << 10
	// anchorMax is how many bytes before the read position tell that the file
	// is still the one that was read.
	anchorMax = 64
)

// A print identifies a file by its first bytes. It grows with the file up to
// printMax; the zero print, of an empty file, says nothing.
type print struct {
	n    int
	hash uint64
}

func printOf(prefix []byte) print { return print{len(prefix), hash(prefix)} }

// hash is FNV-1a (RFC 9923) of 64 bits. It is written to checkpoints, so it
// never changes.
func hash(b []byte) uint64 {
	h := newHash
	for _, c := range b {
		h = h.add(c)
	}
	return uint64(h)
}

// A running hash is that of some first bytes.
type running uint64

const newHash running = 14695981039346656037

func (h running) add(c byte) running { return (h ^ running(c)) * 1099511628211 }

// anchorOf is the hash of the last anchorMax bytes of read, which ends at the
// read position.
func anchorOf(read []byte) uint64 {
	return hash(read[max(0, len(read)-anchorMax):])
}

// A mark is a place in a file and what is needed to recognise it.
type mark struct {
	print  print
	offset int64
	anchor uint64
}

// holds reports whether m fits the file, as far as that can be read: see check.
func (m mark) holds(f reader, buf []byte) bool {
	ok, _ := m.check(f, buf)
	return ok
}

// check reports whether m fits the file: it begins with m's print and has m's
// anchor before m's offset. An error means that it cannot be told. buf is scratch
// memory of at least printMax bytes.
func (m mark) check(f reader, buf []byte) (ok bool, err error) {
	if m.print.n > 0 {
		if ok, err := hashes(f, buf[:m.print.n], 0, m.print.hash); !ok {
			return false, err
		}
	}
	back := min(m.offset, anchorMax)
	if back == 0 {
		return true, nil
	}
	return hashes(f, buf[:back], m.offset-back, m.anchor)
}

// hashes reports whether what stands at off, as much as buf holds, has that hash.
func hashes(f reader, buf []byte, off int64, want uint64) (bool, error) {
	n, err := f.ReadAt(buf, off)
	if n == len(buf) {
		return hash(buf) == want, nil
	}
	if err == io.EOF {
		err = nil // too short
	}
	return false, err
}
