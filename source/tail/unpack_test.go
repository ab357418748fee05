package tail

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
)

var packings = []packing{gzipped, zstded}

// logText is n bytes of log: real lines if there are any, made ones otherwise.
func logText(tb testing.TB, n int) []byte {
	tb.Helper()
	names, _ := filepath.Glob("../../../shared/logs/*.log")
	var text []byte
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		text = append(text, b...)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := 0; len(text) < n; i++ {
		text = fmt.Appendf(text, "2026-01-02T03:%02d:%02d.%06dZ INFO request %d user=%x took %dms\n",
			i/60%60, i%60, rnd.IntN(1e6), i, rnd.Uint64(), rnd.IntN(5000))
	}
	return text[:n:n]
}

// pack compresses text as one gzip member or zstd frame, with a checksum.
func pack(tb testing.TB, k packing, text []byte, opts ...zstd.EOption) []byte {
	tb.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch k {
	case gzipped:
		w = gzip.NewWriter(&b)
	case zstded:
		w, err = zstd.NewWriter(&b, append([]zstd.EOption{zstd.WithEncoderConcurrency(1)}, opts...)...)
	}
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// skippable is a zstd frame that holds no data.
func skippable(n int) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte{0x5a, 0x2a, 0x4d, 0x18}, uint32(n)), make([]byte, n)...)
}

func unpack(k packing, data []byte) *unpacker {
	return newUnpacker(bytes.NewReader(data), k, unpackWindow, maxUnpacked)
}

// all reads to the end, as a worker does: chunks that begin a little early.
func (u *unpacker) all() (text []byte, err error) {
	buf := make([]byte, 10<<10)
	for {
		back := min(len(text), anchorMax)
		n, err := u.ReadAt(buf, int64(len(text)-back))
		if n < back || !bytes.Equal(buf[:back], text[len(text)-back:]) {
			return text, fmt.Errorf("%d bytes before %d were not read again as they were: %w", back, len(text), err)
		}
		text = append(text, buf[back:n]...)
		if err == io.EOF {
			return text, nil
		}
		if err != nil {
			return text, err
		}
		if n < len(buf) {
			return text, io.ErrNoProgress
		}
	}
}

func TestPackedKind(t *testing.T) {
	for name, want := range map[string]packing{
		"a.log": unpacked, "/x/a.log.1.gz": gzipped, "a.zst": zstded, "gz": unpacked, "a.gz.1": unpacked, "a.GZ": unpacked, "": unpacked,
	} {
		if got := packedKind(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

// A read at any offset gives what a file that is not compressed would.
func TestUnpackAnywhere(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	for _, k := range packings {
		for _, size := range []int{0, 1, printMax, 70_000, 1 << 20} {
			text := logText(t, size)
			data := pack(t, k, text)
			for _, window := range []int{leastRing, 100_000, unpackWindow} {
				u := newUnpacker(bytes.NewReader(data), k, window, maxUnpacked)
				anywhere(t, rnd, u, text)
				if max(len(u.past.ring), len(u.past.aside)) > window {
					t.Errorf("%v: %d and %d bytes for a window of %d", k, len(u.past.ring), len(u.past.aside), window)
				}
			}
		}
	}
}

func anywhere(t *testing.T, rnd *rand.Rand, u *unpacker, text []byte) {
	t.Helper()
	want := bytes.NewReader(text)
	next := 0
	for range 60 {
		off := next
		switch rnd.IntN(8) {
		case 0:
			off = rnd.IntN(len(text) + 100)
		case 1:
			off = 0
		case 2:
			u.release()
		case 3:
			u.keep(int64(off - rnd.IntN(1000)))
		case 4:
			off = int(max(0, u.past.hold))
		default:
			off = max(0, off-rnd.IntN(u.past.window))
		}
		p, q := make([]byte, rnd.IntN(chunk)), make([]byte, chunk)
		q = q[:len(p)]
		n, err := u.ReadAt(p, int64(off))
		m, _ := want.ReadAt(q, int64(off))
		if n != m || !bytes.Equal(p[:n], q[:m]) || (err == nil) != (n == len(p)) || err != nil && err != io.EOF {
			t.Fatalf("%v: %d bytes at %d of %d: got %d, %v, want %d (same: %v)", u.kind, len(p), off, len(text), n, err, m, bytes.Equal(p[:n], q[:n]))
		}
		next = max(next, off+n)
	}
}

// counting counts how much is read.
type counting struct {
	io.ReaderAt
	bytes int
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.bytes += n
	return n, err
}

// What is within the window, or the first printMax bytes, is not unpacked again.
func TestUnpackWindow(t *testing.T) {
	const window = 64 << 10
	for _, k := range packings {
		text := logText(t, 1<<20)
		data := pack(t, k, text)
		f := &counting{ReaderAt: bytes.NewReader(data)}
		u := newUnpacker(f, k, window, maxUnpacked)
		at := func(off, n int) int {
			t.Helper()
			before, p := f.bytes, make([]byte, n)
			if n, err := u.ReadAt(p, int64(off)); err != nil || !bytes.Equal(p, text[off:off+n]) {
				t.Fatalf("%v: %d bytes at %d: got %d, %v", k, len(p), off, n, err)
			}
			return f.bytes - before
		}
		// A block of zstd holds 128 KiB at most (RFC 8878, section 3.1.1.2.4), and is
		// unpacked whole.
		if n := at(0, printMax); n > 128<<10 || n > len(data)/2 {
			t.Errorf("%v: %d bytes were read for the first %d", k, n, printMax)
		}
		at(0, 900_000)
		for _, off := range []int{900_000 - window, 900_000 - 1, 0} {
			if n := at(off, printMax/2); off < 900_000-printMax && n != 0 {
				t.Errorf("%v: %d bytes were read again for what lies at %d", k, n, off)
			}
		}
		if n := at(900_000-2*window, 1); n == 0 {
			t.Errorf("%v: what lies before the window was there", k)
		}
	}
}

// What is to be kept is not unpacked again, however far reading goes on.
func TestUnpackKeep(t *testing.T) {
	const window = 64 << 10
	for _, k := range packings {
		text := logText(t, 2<<20)
		f := &counting{ReaderAt: bytes.NewReader(pack(t, k, text))}
		u := newUnpacker(f, k, window, maxUnpacked)
		at := func(off, n int) {
			t.Helper()
			p := make([]byte, n)
			if n, err := u.ReadAt(p, int64(off)); err != nil || !bytes.Equal(p, text[off:off+n]) {
				t.Fatalf("%v: %d bytes at %d: got %d, %v", k, len(p), off, n, err)
			}
		}
		for _, line := range [][2]int{{0, window + 1}, {100_001, 700_000}, {700_000, 700_100}, {700_100, 2<<20 - 1}} {
			at(max(0, line[0]-anchorMax), 1000)
			u.keep(int64(line[0]))
			for off := line[0]; off < line[1]; off += 10_000 {
				at(off, min(10_000, line[1]-off))
			}
			before := f.bytes
			at(line[0], min(window, line[1]-line[0]))
			at(line[1]-anchorMax, anchorMax)
			if n := f.bytes - before; n != 0 {
				t.Errorf("%v: %d bytes were read again for what was kept of %d", k, n, line[0])
			}
		}
		before := f.bytes
		u.keep(-1)
		at(100_001, 10)
		if f.bytes == before {
			t.Errorf("%v: what was to be kept before is still there", k)
		}
	}
}

// What other programs make is read, of a file whose size they know, and of a pipe.
func TestUnpackOthers(t *testing.T) {
	text := logText(t, 500_000)
	plain := filepath.Join(t.TempDir(), "a.log")
	if err := os.WriteFile(plain, text, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		kind    packing
		command []string
		piped   error
	}{
		{gzipped, []string{"gzip", "-1"}, nil},
		{gzipped, []string{"gzip", "-9"}, nil},
		{zstded, []string{"zstd", "-1", "--no-check"}, nil},
		{zstded, []string{"zstd", "-19"}, nil},
		{zstded, []string{"zstd", "--long=27"}, errUnfit},
	} {
		program, err := exec.LookPath(test.command[0])
		if err != nil {
			t.Logf("there is no %s here", test.command[0])
			continue
		}
		file := exec.Command(program, append(test.command[1:], "-c", plain)...)
		data, err := file.Output()
		if err != nil {
			t.Fatalf("%v: %v", file, err)
		}
		got, err := unpack(test.kind, append(data, data...)).all()
		if err != nil || !bytes.Equal(got, append(text, text...)) {
			t.Errorf("%v: %d bytes, %v", file, len(got), err)
		}
		pipe := exec.Command(program, append(test.command[1:], "-c")...)
		pipe.Stdin = bytes.NewReader(text)
		if data, err = pipe.Output(); err != nil {
			t.Fatalf("%v: %v", pipe, err)
		}
		got, err = unpack(test.kind, data).all()
		if !errors.Is(err, test.piped) || err == nil && !bytes.Equal(got, text) {
			t.Errorf("%v: %d bytes, %v, want %v", pipe, len(got), err, test.piped)
		}
	}
}

// One after the other is one file.
func TestUnpackConcatenated(t *testing.T) {
	text := logText(t, 300_000)
	for _, k := range packings {
		var data []byte
		for rest, n := text, 1; len(rest) > 0; n *= 3 {
			if k == zstded {
				data = append(data, skippable(n)...)
			}
			n = min(n, len(rest))
			data = append(data, pack(t, k, rest[:n])...)
			data = append(data, pack(t, k, nil)...)
			rest = rest[n:]
		}
		if k == zstded {
			data = append(data, skippable(100_000)...)
		}
		got, err := unpack(k, data).all()
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("%v: %d of %d bytes, %v", k, len(got), len(text), err)
		}
	}
}

// A mark of the file before it was compressed fits it afterwards.
func TestUnpackMark(t *testing.T) {
	text := logText(t, 200_000)
	other := bytes.Clone(text)
	other[100] ^= 1
	scratch := make([]byte, printMax)
	for _, k := range packings {
		u, v := unpack(k, pack(t, k, text)), unpack(k, pack(t, k, other))
		for _, offset := range []int{0, 1, 63, 500, 100_000, 5000, len(text)} {
			for _, n := range []int{0, 1, 100, 101, printMax} {
				m := mark{print: printOf(text[:n]), offset: int64(offset), anchor: anchorOf(text[:offset])}
				if !m.holds(u, scratch) {
					t.Errorf("%v: %+v does not hold", k, m)
				}
				if ok, err := u.resumes(m, scratch); ok != (n > 0) || err != nil {
					t.Errorf("%v: resumes %+v: %v, %v", k, m, ok, err)
				}
				if ok, err := v.resumes(m, scratch); ok != (n == 1 || n == 100) || err != nil {
					t.Errorf("%v: another resumes %+v: %v, %v", k, m, ok, err)
				}
				if m.holds(v, scratch) != (n <= 100 && (offset <= 100 && offset != 0 || offset == 0 || offset > 100+anchorMax)) {
					t.Errorf("%v: %+v holds another: %v", k, m, m.holds(v, scratch))
				}
			}
		}
		m := mark{print: printOf(text[:printMax]), offset: int64(len(text)) + 1, anchor: anchorOf(text)}
		if m.holds(u, scratch) {
			t.Errorf("%v: a mark behind the end holds", k)
		}
		if ok, err := unpack(k, []byte("plain text")).resumes(m, scratch); ok || !errors.Is(err, errNotPacked) {
			t.Errorf("%v: not packed: %v, %v", k, ok, err)
		}
		short := unpack(k, pack(t, k, text[:printMax-1]))
		if ok, err := short.resumes(m, scratch); ok || err != nil {
			t.Errorf("%v: shorter: %v, %v", k, ok, err)
		}
	}
}

func TestUnpackPrefix(t *testing.T) {
	buf := make([]byte, printMax)
	for _, k := range packings {
		for _, n := range []int{0, 1, printMax - 1, printMax, 1 << 20} {
			text := logText(t, n)
			u := unpack(k, pack(t, k, text))
			if got, err := u.prefix(buf); err != nil || !bytes.Equal(got, text[:min(n, printMax)]) {
				t.Errorf("%v: %d of %d bytes, %v", k, len(got), n, err)
			}
			if len(u.past.ring) > leastRing {
				t.Errorf("%v: a ring of %d bytes", k, len(u.past.ring))
			}
		}
		data := pack(t, k, logText(t, printMax))
		if got, err := unpack(k, data[:len(data)-20]).prefix(buf); !errors.Is(err, errCutOff) {
			t.Errorf("%v: cut off: %d bytes, %v", k, len(got), err)
		}
	}
}
