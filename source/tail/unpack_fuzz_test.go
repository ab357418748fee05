package tail

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// FuzzUnpack unpacks anything. Whatever it is, no more comes out than is
// allowed, a second reading gives the same, every error is of a known kind, and
// other implementations find no other content in what is read to its end.
func FuzzUnpack(f *testing.F) {
	text := logText(f, 2000)
	for _, k := range packings {
		data := pack(f, k, text)
		f.Add(uint8(k), data)
		f.Add(uint8(k), data[:len(data)/2])
		f.Add(uint8(k), append(data, data...))
		f.Add(uint8(k), append(data, make([]byte, 20)...))
		f.Add(uint8(k), append(data, "trailing"...))
		f.Add(uint8(k), pack(f, k, make([]byte, 100_000)))
	}
	f.Add(uint8(zstded), append(skippable(10), pack(f, zstded, nil)...))
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		const most = 1 << 20
		k := packings[int(kind)%len(packings)]
		u := newUnpacker(bytes.NewReader(data), k, 8<<10, most)
		got, err := u.all()
		again, err2 := u.all()
		if !bytes.Equal(got, again) || (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
			t.Fatalf("%d bytes and %v, then %d and %v", len(got), err, len(again), err2)
		}
		if len(got) > most || len(u.past.ring) > 8<<10 {
			t.Fatalf("%d bytes, a ring of %d", len(got), len(u.past.ring))
		}
		if err != nil {
			if !known(err) {
				t.Fatalf("%v", err)
			}
			return
		}
		if want, err := otherwise(k, data); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v: %d bytes, want %d, %v", k, len(got), len(want), err)
		}
	})
}

// known reports whether err is as documented.
func known(err error) bool {
	if _, ok := errors.AsType[*unpackError](err); !ok {
		return false
	}
	for _, why := range []error{errNotPacked, errCutOff, errDamaged, errUnfit, errBomb} {
		if errors.Is(err, why) {
			return why != errCutOff || errors.Is(err, io.ErrUnexpectedEOF)
		}
	}
	return false
}

// otherwise unpacks data, which is good, in another way.
func otherwise(k packing, data []byte) ([]byte, error) {
	if k == zstded {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		defer d.Close()
		return d.DecodeAll(data, nil)
	}
	var text []byte
	for r := bytes.NewReader(data); r.Len() > 0; {
		if nuls(data[len(data)-r.Len():]) == r.Len() {
			break
		}
		z, err := gzip.NewReader(r)
		if err != nil {
			return text, err
		}
		z.Multistream(false)
		b, err := io.ReadAll(z)
		text = append(text, b...)
		if err != nil {
			return text, err
		}
	}
	return text, nil
}
