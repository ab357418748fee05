package tail

import (
	"bufio"
	"bytes"
	stdgzip "compress/gzip"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// BenchmarkUnpack unpacks a log, with what the decoders take alone beside it.
func BenchmarkUnpack(b *testing.B) {
	text := logText(b, 16<<20)
	gz, zst := pack(b, gzipped, text), pack(b, zstded, text)
	buf := make([]byte, chunk)
	drain := func(b *testing.B, r io.Reader) {
		n := 0
		for {
			k, err := r.Read(buf)
			n += k
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		if n != len(text) {
			b.Fatalf("%d bytes", n)
		}
	}
	run := func(name string, f func(b *testing.B)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				f(b)
			}
		})
	}
	for _, k := range packings {
		data := map[packing][]byte{gzipped: gz, zstded: zst}[k]
		u := unpack(k, data)
		whole := func(b *testing.B) {
			for at := int64(0); ; {
				n, err := u.ReadAt(buf, at)
				if at += int64(n); err == io.EOF {
					break
				}
				if err != nil {
					b.Fatal(err)
				}
				at -= anchorMax
			}
		}
		run(k.String()+"/unpacker", whole)
		run(k.String()+"/unpacker made anew", func(b *testing.B) {
			u.release()
			whole(b)
		})
		b.Run(k.String()+"/prefix made anew", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := u.prefix(buf); err != nil {
					b.Fatal(err)
				}
				u.release()
			}
		})
	}
	in := bufio.NewReaderSize(nil, packedBuffer)
	var std stdgzip.Reader
	run("gzip/compress", func(b *testing.B) {
		in.Reset(bytes.NewReader(gz))
		if err := std.Reset(in); err != nil {
			b.Fatal(err)
		}
		drain(b, &std)
	})
	var klauspost gzip.Reader
	run("gzip/klauspost", func(b *testing.B) {
		in.Reset(bytes.NewReader(gz))
		if err := klauspost.Reset(in); err != nil {
			b.Fatal(err)
		}
		drain(b, &klauspost)
	})
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	run("zstd/klauspost", func(b *testing.B) {
		in.Reset(bytes.NewReader(zst))
		if err := d.Reset(in); err != nil {
			b.Fatal(err)
		}
		drain(b, d)
	})
}
