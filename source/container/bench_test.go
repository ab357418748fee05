package container

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source/record"
)

// BenchmarkMessages makes entries of what an engine sends, lines of 200 bytes, without an engine: what a Source adds to the
// cost of reading, but for sending batches on.
func BenchmarkMessages(b *testing.B) {
	const lines = 20_000
	var all []message
	for i := range lines {
		out := record.Stdout
		if i%10 == 9 {
			out = record.Stderr
		}
		line := fmt.Sprintf("%d %s", i, text(200, "the quick brown fox "))
		all = append(all, message{out, 1e18 + int64(i)*1e4, line[:199] + "\n"})
	}
	for _, tty := range []bool{false, true} {
		body := header(all...)
		if tty {
			body = bare(all...)
		}
		b.Run(fmt.Sprintf("tty=%v", tty), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if n := discard(b, body, tty); n != lines {
					b.Fatalf("%d lines", n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*lines), "ns/line")
		})
	}
}

// pool is where the batches of a benchmark come from.
var pool batch.Pool

// discard makes entries of all that body holds, and returns how many.
func discard(b *testing.B, body []byte, tty bool) (n int) {
	p, err := prepare(Config{})
	if err != nil {
		b.Fatal(err)
	}
	tr := newTrack(p, func() *batch.Batch { return batch.New(&pool, batch.Labels{}) })
	tr.describe(tty, []batch.Attr{{Key: "container_id", Value: "0123456789abcdef"}})
	tr.begin(position{})
	flush := func() {
		tr.position()
		full := tr.take()
		n += len(full.Entries)
		full.Settle(nil)
		tr.settled()
	}
	fr := newFramer(bytes.NewReader(body), tty)
	m := newMarker(true)
	for err == nil {
		var f frame
		var ok bool
		if f, ok, err = fr.next(); ok {
			k, _ := m.mark(&f)
			if tr.add(&f, k); tr.full() {
				flush()
			}
		} else if err == nil {
			err = fr.fill()
		}
	}
	flush()
	return n
}
