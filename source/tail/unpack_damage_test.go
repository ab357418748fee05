package tail

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"
)

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
		{gzipped, string(make([]byte, 1<<20)) + "x", errTrailing},
		{gzipped, "\x00\x1f\x8b\x08", errTrailing},
		{gzipped, "x", errTrailing},
		{gzipped, "a plain line\n", errTrailing},
		{gzipped, "\x1f", errCutOff},
		{gzipped, "\x1f\x8b\x08\x00\x00", errCutOff},
		{gzipped, "\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x00name", errCutOff},
		{zstded, "a plain line\n", errTrailing},
		{zstded, "\x00\x00\x00\x00", errTrailing},
		{zstded, "\x28\xb5\x2f\xfd", errCutOff},
		{zstded, "\x51\x2a\x4d\x18\x09\x00\x00\x00", errCutOff},
	} {
		got, err := unpack(test.kind, append(pack(t, test.kind, text), test.tail...)).all()
		if !bytes.Equal(got, text) || !errors.Is(err, test.why) || err != nil && !known(err) {
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

// Without a checksum there is no telling, but it ends, and is not long.
func TestUnpackBitFlipsUnchecked(t *testing.T) {
	text := logText(t, 1000)
	data := pack(t, zstded, text, zstd.WithEncoderCRC(false))
	for at := range data {
		for bit := range 8 {
			bad := bytes.Clone(data)
			bad[at] ^= 1 << bit
			got, err := unpack(zstded, bad).all()
			if len(got) > 1<<20 || err != nil && !known(err) {
				t.Fatalf("bit %d of byte %d: %d bytes, %v", bit, at, len(got), err)
			}
		}
	}
}

// A damaged place does not keep what lies before it from being read, again too.
func TestUnpackBeforeDamage(t *testing.T) {
	text := logText(t, 400_000)
	for _, k := range packings {
		data := pack(t, k, text)
		data[len(data)/2] ^= 0x55
		u := newUnpacker(bytes.NewReader(data), k, 16<<10, maxUnpacked)
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
		data := pack(t, k, text[:50])
		if k == zstded {
			data = append(data, skippable(1<<18)...)
		}
		data = append(data, pack(t, k, text[50:1<<19])...)
		data = append(data, pack(t, k, text[1<<19:])...)
		for left := range len(data)/packedBuffer + 1 {
			f := &failing{bytes.NewReader(data), left, broken}
			u := newUnpacker(f, k, 16<<10, maxUnpacked)
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
		u := newUnpacker(bytes.NewReader(data), k, unpackWindow, maxUnpacked)
		u.until(func() error {
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
