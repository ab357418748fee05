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
	return newUnpacker(bytes.NewReader(data), k, unpackWindow, maxUnpacked, nil)
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
				u := newUnpacker(bytes.NewReader(data), k, window, maxUnpacked, nil)
				anywhere(t, rnd, u, text)
				if len(u.ring) > window {
					t.Errorf("%v: a ring of %d bytes for a window of %d", k, len(u.ring), window)
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
		default:
			off = max(0, off-rnd.IntN(u.window))
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
		u := newUnpacker(f, k, window, maxUnpacked, nil)
		at := func(off, n int) int {
			t.Helper()
			before, p := f.bytes, make([]byte, n)
			if n, err := u.ReadAt(p, int64(off)); err != nil || !bytes.Equal(p, text[off:off+n]) {
				t.Fatalf("%v: %d bytes at %d: got %d, %v", k, len(p), off, n, err)
			}
			return f.bytes - before
		}
		if n := at(0, printMax); n > packedBuffer {
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

// Behind the last gzip member, zero bytes are nothing. Anything else is an
// error, after what is good.
func TestUnpackTrailing(t *testing.T) {
	text := logText(t, 5000)
	for _, test := range []struct {
		kind packing
		tail string
		why  error
	}{
		{gzipped, "\x00", nil},
		{gzipped, string(make([]byte, 1<<20)), nil},
		{gzipped, string(make([]byte, 1<<20)) + "x", errDamaged},
		{gzipped, "\x00\x1f\x8b\x08", errDamaged},
		{gzipped, "x", errDamaged},
		{gzipped, "a plain line\n", errDamaged},
		{gzipped, "\x1f", errCutOff},
		{gzipped, "\x1f\x8b\x08\x00\x00", errCutOff},
		{zstded, "a plain line\n", errDamaged},
		{zstded, "\x00\x00\x00\x00", errDamaged},
		{zstded, "\x28\xb5\x2f\xfd", errCutOff},
		{zstded, "\x51\x2a\x4d\x18\x09\x00\x00\x00", errCutOff},
	} {
		got, err := unpack(test.kind, append(pack(t, test.kind, text), test.tail...)).all()
		if !bytes.Equal(got, text) || !errors.Is(err, test.why) {
			t.Errorf("%v and %.10q: %d of %d bytes, %v, want %v", test.kind, test.tail, len(got), len(text), err, test.why)
		}
	}
}

func TestUnpackNotPacked(t *testing.T) {
	for _, k := range packings {
		for _, other := range packings {
			u := unpack(k, pack(t, other, []byte("a line\n")))
			if n, err := u.ReadAt(make([]byte, 10), 0); (k == other) == errors.Is(err, errNotPacked) {
				t.Errorf("%v as %v: %d, %v", other, k, n, err)
			}
		}
		for text, why := range map[string]error{"": errCutOff, "a": errNotPacked, "a plain line\n": errNotPacked, "\x00\x00": errNotPacked} {
			u := unpack(k, []byte(text))
			for range 2 {
				if n, err := u.ReadAt(make([]byte, 10), 0); n != 0 || !errors.Is(err, why) {
					t.Errorf("%v of %q: %d, %v, want %v", k, text, n, err, why)
				}
			}
		}
	}
}

// Cut off at any byte: what was good is read, the end is not taken for the end,
// and when the file has grown it is read whole.
func TestUnpackCutOff(t *testing.T) {
	text := logText(t, 3000)
	for _, k := range packings {
		data := append(pack(t, k, text[:1000]), pack(t, k, text[1000:])...)
		first := len(pack(t, k, text[:1000]))
		for n := range data {
			u := unpack(k, data[:n])
			got, err := u.all()
			if n == first { // that is whole
				if err != nil || len(got) != 1000 {
					t.Fatalf("%v: %d bytes, %v", k, len(got), err)
				}
				continue
			}
			if !errors.Is(err, errCutOff) || !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasPrefix(text, got) || n > first && len(got) < 1000 {
				t.Fatalf("%v, %d of %d bytes: got %d, %v", k, n, len(data), len(got), err)
			}
			u.in.f = bytes.NewReader(data)
			u.release()
			if got, err := u.all(); err != nil || !bytes.Equal(got, text) {
				t.Fatalf("%v, grown after %d bytes: %d bytes, %v", k, n, len(got), err)
			}
		}
	}
}

// One bit is wrong: what is read without an error at the end is what was packed.
// Until a checksum comes, wrong bytes may be read: that is as far as a format
// tells. A member or frame that was whole stays right.
func TestUnpackBitFlips(t *testing.T) {
	text := logText(t, 1500)
	for _, k := range packings {
		good := len(pack(t, k, text[:500]))
		data := append(pack(t, k, text[:500]), pack(t, k, text[500:])...)
		found := 0
		for at := range data {
			for bit := range 8 {
				bad := bytes.Clone(data)
				bad[at] ^= 1 << bit
				got, err := unpack(k, bad).all()
				switch {
				case err == nil && !bytes.Equal(got, text):
					t.Fatalf("%v: bit %d of byte %d: %d wrong bytes without an error", k, bit, at, len(got))
				case err != nil:
					found++
				}
				if at >= good && !bytes.HasPrefix(got, text[:500]) {
					t.Fatalf("%v: bit %d of byte %d: %d bytes, those before are wrong: %v", k, bit, at, len(got), err)
				}
				if len(got) > 1<<20 {
					t.Fatalf("%v: bit %d of byte %d: %d bytes", k, bit, at, len(got))
				}
			}
		}
		if found < len(data)*8*9/10 {
			t.Errorf("%v: %d of %d flips were found", k, found, len(data)*8)
		}
	}
}

// A damaged place does not keep what lies before it from being read, again too.
func TestUnpackBeforeDamage(t *testing.T) {
	text := logText(t, 400_000)
	for _, k := range packings {
		data := pack(t, k, text)
		data[len(data)/2] ^= 0x55
		u := newUnpacker(bytes.NewReader(data), k, 16<<10, maxUnpacked, nil)
		got, err := u.all()
		if _, ok := errors.AsType[*unpackError](err); !ok || len(got) == 0 {
			t.Fatalf("%v: %d bytes, %v", k, len(got), err)
		}
		p := make([]byte, len(got))
		for _, off := range []int{len(got) - 1, len(got) - 10_000, 0, len(got) / 2} {
			off = max(0, off)
			p := p[:len(got)-off]
			if n, err := u.ReadAt(p, int64(off)); n != len(p) || err != nil || !bytes.Equal(p, got[off:]) {
				t.Errorf("%v: at %d of %d: %d of %d bytes, %v", k, off, len(got), n, len(p), err)
			}
			if n, again := u.ReadAt(make([]byte, 10), int64(len(got)-5)); n != 5 || again == nil || again.Error() != err.Error() {
				t.Errorf("%v: %d bytes and %v, want 5 and %v", k, n, again, err)
			}
		}
	}
}

// failing fails at times.
type failing struct {
	io.ReaderAt
	left int
	err  error
}

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if f.left--; f.left < 0 {
		return 0, f.err
	}
	return f.ReaderAt.ReadAt(p, off)
}

// An error of the file is no damage, wherever it comes: the next read goes on.
func TestUnpackFileFails(t *testing.T) {
	text := logText(t, 1<<20)
	broken := errors.New("input/output error")
	for _, k := range packings {
		data := append(pack(t, k, text[:1<<19]), pack(t, k, text[1<<19:])...)
		if k == zstded {
			data = append(skippable(1<<20), data...)
		}
		for left := range len(data)/packedBuffer + 1 {
			f := &failing{bytes.NewReader(data), left, broken}
			u := newUnpacker(f, k, 16<<10, maxUnpacked, nil)
			got, err := u.all()
			if err != broken || !bytes.HasPrefix(text, got) {
				t.Fatalf("%v: after %d reads: %d bytes, %v", k, left, len(got), err)
			}
			f.left = 1 << 30
			if got, err := u.all(); err != nil || !bytes.Equal(got, text) {
				t.Fatalf("%v: later: %d bytes, %v", k, len(got), err)
			}
		}
	}
}

// Reading stops between steps, also where nothing comes out, and can go on.
func TestUnpackStops(t *testing.T) {
	stopped := errors.New("stopped")
	for name, data := range map[string][]byte{
		"gz":  append(pack(t, gzipped, []byte("x")), make([]byte, 10<<20)...),
		"gz2": pack(t, gzipped, make([]byte, 10<<20)),
		"zst": append(skippable(10<<20), pack(t, zstded, []byte("x"))...),
	} {
		k := gzipped
		if name == "zst" {
			k = zstded
		}
		asked := 0
		u := newUnpacker(bytes.NewReader(data), k, unpackWindow, maxUnpacked, func() error {
			if asked++; asked == 10 {
				return stopped
			}
			return nil
		})
		p := make([]byte, 1)
		if n, err := u.ReadAt(p, 9<<20); n != 0 || err != stopped {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		if asked > 10 {
			t.Errorf("%s: asked %d times", name, asked)
		}
		if n, err := u.ReadAt(p, 0); n != 1 || err != nil {
			t.Errorf("%s: %d, %v afterwards", name, n, err)
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
			if len(u.ring) > leastRing {
				t.Errorf("%v: a ring of %d bytes", k, len(u.ring))
			}
		}
		data := pack(t, k, logText(t, printMax))
		if got, err := unpack(k, data[:len(data)-20]).prefix(buf); !errors.Is(err, errCutOff) {
			t.Errorf("%v: cut off: %d bytes, %v", k, len(got), err)
		}
	}
}
