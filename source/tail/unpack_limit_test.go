package tail

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// zeros is n MiB of zero bytes, compressed one by one: that is sooner done.
func zeros(tb testing.TB, k packing, n int) []byte {
	tb.Helper()
	return bytes.Repeat(pack(tb, k, make([]byte, 1<<20)), n)
}

// held is how much more memory is in use with what make returns than without.
func held[T any](make func() T) (T, int) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools hold
	runtime.ReadMemStats(&before)
	v := make()
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(v)
	return v, int(after.HeapAlloc) - int(before.HeapAlloc)
}

// What unpacks to far more than it is ends soon, wherever one reads, and takes no
// more memory than anything else.
func TestUnpackBomb(t *testing.T) {
	const size = 80 << 20
	for _, k := range packings {
		data := zeros(t, k, size>>20)
		if size/len(data) < maxRatio {
			t.Fatalf("%v: %d bytes are no bomb", k, len(data))
		}
		u, bytes := held(func() *unpacker {
			u := unpack(k, data)
			for _, off := range []int64{size - 1, 1 << 40} {
				if n, err := u.ReadAt(make([]byte, 1), off); n != 0 || !errors.Is(err, errBomb) {
					t.Errorf("%v: %d, %v", k, n, err)
				}
			}
			return u
		})
		if u.past.end < freeRatio || u.past.end > freeRatio+unpackStep {
			t.Errorf("%v: stopped after %d bytes", k, u.past.end)
		}
		if most := unpackWindow + maxFrameWindow + 1<<20; bytes > most {
			t.Errorf("%v: %d bytes of memory, more than %d", k, bytes, most)
		}
		if n, err := u.ReadAt(make([]byte, 100), u.past.end-50); n != 50 || !errors.Is(err, errBomb) {
			t.Errorf("%v: at the end: %d, %v", k, n, err)
		}
		if n, err := u.ReadAt(make([]byte, 100), 9<<20); n != 100 || err != nil {
			t.Errorf("%v: before it: %d, %v", k, n, err)
		}
	}
}

// Little that unpacks to much is no bomb as long as it is not very much.
func TestUnpackNoBomb(t *testing.T) {
	for _, k := range packings {
		u := unpack(k, zeros(t, k, freeRatio>>20))
		if n, err := u.ReadAt(make([]byte, 10), freeRatio-5); n != 5 || err != io.EOF {
			t.Errorf("%v: %d, %v", k, n, err)
		}
	}
}

// No more is read than is allowed, and not a byte less.
func TestUnpackMost(t *testing.T) {
	text := logText(t, 10_000)
	for _, k := range packings {
		for most, why := range map[int]error{len(text) - 1: errBomb, len(text): nil, len(text) + 1: nil, 1: errBomb, leastRing: errBomb} {
			u := newUnpacker(bytes.NewReader(pack(t, k, text)), k, unpackWindow, int64(most))
			got, err := u.all()
			if !errors.Is(err, why) || !bytes.Equal(got, text[:min(most, len(text))]) {
				t.Errorf("%v, at most %d: %d bytes, %v", k, most, len(got), err)
			}
		}
	}
}

// Very many members are read one after the other, in the memory of one.
func TestUnpackTinyMembers(t *testing.T) {
	const count = 50_000
	for _, k := range packings {
		data := bytes.Repeat(append(pack(t, k, nil), pack(t, k, []byte("x"))...), count)
		u, bytes := held(func() *unpacker {
			u := unpack(k, data)
			if n, err := u.ReadAt(make([]byte, 2), count-1); n != 1 || err != io.EOF {
				t.Errorf("%v: %d, %v", k, n, err)
			}
			return u
		})
		if most := 2*count + maxFrameWindow + 1<<20; bytes > most {
			t.Errorf("%v: %d bytes of memory, more than %d", k, bytes, most)
		}
		u.release()
	}
}

// A frame that asks for more memory than it is given is refused.
func TestUnpackFrameWindow(t *testing.T) {
	for window, why := range map[int]error{maxFrameWindow: nil, 2 * maxFrameWindow: errUnfit, zstd.MaxWindowSize: errUnfit} {
		var b bytes.Buffer
		w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true))
		if err != nil {
			t.Fatal(err)
		}
		// A stream whose size the encoder does not know names its window.
		for range 3 {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		_, bytes := held(func() *unpacker {
			u := unpack(zstded, b.Bytes())
			if n, err := u.ReadAt(make([]byte, 10), 0); !errors.Is(err, why) || why != nil && n > 0 {
				t.Errorf("a window of %d: %d, %v, want %v", window, n, err, why)
			}
			return u
		})
		if bytes > maxFrameWindow+1<<20 {
			t.Errorf("a window of %d: %d bytes of memory", window, bytes)
		}
	}
	// One segment, 16 MiB of content: its window is its content.
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 1, 1, 0, 0}
	if n, err := unpack(zstded, frame).ReadAt(make([]byte, 10), 0); n != 0 || !errors.Is(err, errUnfit) {
		t.Errorf("one segment: %d, %v", n, err)
	}
	// Dictionary 7.
	frame = []byte{0x28, 0xb5, 0x2f, 0xfd, 0x21, 7, 1, 1 | 1<<3, 0, 'x'}
	if n, err := unpack(zstded, frame).ReadAt(make([]byte, 10), 0); n != 0 || !errors.Is(err, errUnfit) {
		t.Errorf("dictionary: %d, %v", n, err)
	}
}

// Unpacking needs no goroutines, not even while it is under way.
func TestUnpackSpawnsNothing(t *testing.T) {
	for _, k := range packings {
		before := runtime.NumGoroutine()
		u := unpack(k, pack(t, k, logText(t, 1<<20)))
		if _, err := u.ReadAt(make([]byte, 1), 1<<19); err != nil {
			t.Error(err)
		}
		if after := runtime.NumGoroutine(); after > before {
			t.Errorf("%v: %d goroutines, %d before", k, after, before)
		}
	}
}

// What an unpacker holds is what its doc comment says, and nothing once it is
// released.
func TestUnpackMemory(t *testing.T) {
	packed := map[packing][]byte{}
	for _, k := range packings {
		packed[k] = pack(t, k, logText(t, 3<<20+1), zstd.WithWindowSize(maxFrameWindow))
	}
	for _, test := range []struct {
		kind packing
		read int
		most int
	}{
		{gzipped, 0, 0},
		{zstded, 0, 0},
		{gzipped, printMax, leastRing + 100<<10},
		{gzipped, 3 << 20, unpackWindow + 100<<10},
		{zstded, printMax, leastRing + maxFrameWindow + 1<<20},
		{zstded, 3 << 20, unpackWindow + maxFrameWindow + 1<<20},
	} {
		data := packed[test.kind]
		u, bytes := held(func() *unpacker {
			u := unpack(test.kind, data)
			if test.read == 0 {
				return u
			}
			if _, err := u.ReadAt(make([]byte, 1), int64(test.read-1)); err != nil {
				t.Error(err)
			}
			return u
		})
		t.Logf("%v: %d bytes after %d were read", test.kind, bytes, test.read)
		if bytes > test.most+8<<10 {
			t.Errorf("%v: %d bytes of memory after %d were read, more than %d", test.kind, bytes, test.read, test.most)
		}
		if _, freed := held(func() *unpacker { u.release(); return u }); bytes+freed > 8<<10 {
			t.Errorf("%v: releasing what read %d bytes gave back %d of %d", test.kind, test.read, -freed, bytes)
		}
	}
}
