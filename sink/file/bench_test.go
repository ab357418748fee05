package file

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// benchBatch is a megabyte of lines as they are in logs.
func benchBatch(l batch.Labels) *batch.Batch {
	b := batch.New(nil, l)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := 0; b.Size() < 1<<20; {
		for range 100 { // Size looks at every entry
			b.Append(at.Add(time.Duration(i)*time.Millisecond), fmt.Appendf(nil,
				"2026-01-02 03:04:05,%03d INFO [main] org.example.shop.Checkout: order %d of customer %d accepted, total %d.00 EUR", i%1000, i, i*7919%100_000, i%500))
			i++
		}
	}
	return b
}

// BenchmarkWrite writes batches, and by turns the same lines with a bare bufio.Writer: x/bufio is the throughput as a
// multiple of that one's, each by the median. Each file is truncated every time.
func BenchmarkWrite(b *testing.B) {
	for _, c := range []struct {
		name string
		cfg  Config
	}{
		{"raw", Config{Path: "all.log"}},
		{"label and date", Config{Path: "{app}/{date}.log"}},
		{"json", Config{Path: "all.log", Format: JSON}},
		{"template", Config{Path: "all.log", Template: "{time} {app} {line}"}},
		{"SyncBatch", Config{Path: "all.log", Sync: SyncBatch}},
	} {
		b.Run(c.name, func(b *testing.B) {
			dir := b.TempDir()
			c.cfg.Path = dir + "/" + c.cfg.Path
			c.cfg.Location = time.UTC
			if c.cfg.Sync == SyncEvery {
				c.cfg.Sync = SyncNever // as bufio does
			}
			benchmarkWrite(b, c.cfg)
		})
	}
}

func benchmarkWrite(b *testing.B, cfg Config) {
	one := benchBatch(batch.MustLabels("app", "shop", "env", "prod"))
	defer one.Settle(nil)
	s, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close(b.Context())
	write := func() {
		if err := s.Write(b.Context(), one); err != nil {
			b.Fatal(err)
		}
	}
	write()
	l := s.shelf.all()[0]
	bare := newBare(b, b.TempDir()+"/bare", one)
	bare.write(b)
	b.ReportAllocs()
	b.SetBytes(int64(one.Size() + len(one.Entries)))
	var ours, theirs []time.Duration
	for b.Loop() {
		empty(b, l.file)
		begun := time.Now()
		write()
		ours = append(ours, time.Since(begun))
		b.StopTimer()
		empty(b, bare.f)
		begun = time.Now()
		bare.write(b)
		theirs = append(theirs, time.Since(begun))
		b.StartTimer()
	}
	b.ReportMetric(float64(median(ours))/float64(len(one.Entries)), "ns/entry")
	b.ReportMetric(float64(median(theirs))/float64(median(ours)), "x/bufio")
}

// median is what a busy machine disturbs least.
func median(ds []time.Duration) time.Duration {
	slices.Sort(ds)
	return ds[len(ds)/2]
}

func empty(b *testing.B, f interface{ Truncate(int64) error }) {
	if err := f.Truncate(0); err != nil {
		b.Fatal(err)
	}
}

// bare is the least there is to do.
type bare struct {
	f *os.File
	w *bufio.Writer
	b *batch.Batch
}

func newBare(b *testing.B, path string, one *batch.Batch) *bare {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	return &bare{f, bufio.NewWriterSize(f, 64<<10), one}
}

func (w *bare) write(b *testing.B) {
	for i := range w.b.Entries {
		w.w.Write(w.b.Entries[i].Line)
		w.w.WriteByte('\n')
	}
	if err := w.w.Flush(); err != nil {
		b.Fatal(err)
	}
}
