package loki

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/tail"
)

// BenchmarkFileToBody takes a file through source, pipeline and encoder to request bodies, which are not sent: what
// net/http allocates for a request is not the library's. It fails if a line costs a hundredth of an allocation, all
// that is set up and torn down with the pipeline included.
func BenchmarkFileToBody(b *testing.B) {
	const lines, lineLen = 620_000, 217
	path := filepath.Join(b.TempDir(), "app.log")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for i := range lines {
		fmt.Fprintf(w, "%0*d\n", lineLen-1, i*7919)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	f.Close()
	labels := batch.MustLabels("app", "bench")
	s, err := New(Config{URL: "http://127.0.0.1"})
	if err != nil {
		b.Fatal(err)
	}
	d := &delivery{sink: s}
	encoded := 0
	encode := sink.Func(func(_ context.Context, bt *batch.Batch) error {
		d.w.b = bt
		d.sort()
		for rest := d.parcels[0].idx; len(rest) > 0; {
			n := s.add(&d.next, &d.parcels[0], &d.w, rest, s.cfg.MaxRequest)
			s.finish(&d.next).wire.release()
			rest = rest[n:]
			encoded += n
		}
		d.reset()
		return nil
	})
	b.SetBytes(lines * lineLen)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		files, err := tail.New(tail.Config{Paths: []string{path}, Once: true, Labels: func(string) batch.Labels { return labels }})
		if err != nil {
			b.Fatal(err)
		}
		p, err := pipeline.New(pipeline.Config{
			Sources: map[string]source.Source{"files": files},
			Routes:  []pipeline.Route{{Sink: encode}},
		})
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Run(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if encoded != b.N*lines {
		b.Errorf("%d lines encoded, want %d", encoded, b.N*lines)
	}
	perLine := float64(after.Mallocs-before.Mallocs) / float64(encoded)
	b.ReportMetric(perLine, "allocs/line")
	if perLine >= 0.01 {
		b.Errorf("%.4f allocations per line", perLine)
	}
}
