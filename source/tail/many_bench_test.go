//go:build unix

package tail

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/logferry/logferry/source"
)

// BenchmarkMany is the CPU that ten thousand files take when something happens to
// all of them at once.
func BenchmarkMany(b *testing.B) {
	const files = 10_000
	appendAll := func(b *testing.B, dir string) {
		for i := range files {
			write(b, filepath.Join(dir, fmt.Sprintf("service-%05d.log", i)), fmt.Sprintf("line %d %v\n", i, time.Now()))
		}
	}
	for _, bench := range []struct {
		name   string
		happen func(b *testing.B, dir string, r *run, store source.Checkpoints) *run
	}{
		{"found", func(b *testing.B, dir string, r *run, store source.Checkpoints) *run { return r }},
		{"written while the source was down", func(b *testing.B, dir string, r *run, store source.Checkpoints) *run {
			r.stop()
			appendAll(b, dir)
			return start(b, manyConfig(dir), r.sink, store)
		}},
		{"rotated", func(b *testing.B, dir string, r *run, store source.Checkpoints) *run {
			for i := range files {
				path := filepath.Join(dir, fmt.Sprintf("service-%05d.log", i))
				rename(b, path, path+".1")
			}
			appendAll(b, dir)
			return r
		}},
		{"rotated while the source was down", func(b *testing.B, dir string, r *run, store source.Checkpoints) *run {
			r.stop()
			for i := range files {
				path := filepath.Join(dir, fmt.Sprintf("service-%05d.log", i))
				rename(b, path, path+".1")
			}
			appendAll(b, dir)
			return start(b, manyConfig(dir), r.sink, store)
		}},
		{"deleted while the source was down", func(b *testing.B, dir string, r *run, store source.Checkpoints) *run {
			r.stop()
			for i := range files {
				if err := os.Remove(filepath.Join(dir, fmt.Sprintf("service-%05d.log", i))); err != nil {
					b.Fatal(err)
				}
			}
			appendAll(b, dir)
			return start(b, manyConfig(dir), r.sink, store)
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var took, began time.Duration
			for b.Loop() {
				dir := b.TempDir()
				appendAll(b, dir)
				sink := newSinkhole()
				sink.pool.Poison = false
				store := source.MemCheckpoints()
				began = cpu(b)
				r := start(b, manyConfig(dir), sink, store)
				r.settled(b, files, files)
				if bench.name != "found" {
					began = cpu(b)
					r = bench.happen(b, dir, r, store)
					r.settled(b, 2*files, files)
				}
				took += cpu(b) - began
				r.stop()
			}
			b.ReportMetric(took.Seconds()/float64(b.N), "cpu-s")
		})
	}
}

func manyConfig(dir string) Config {
	return Config{Paths: []string{dir + "/*.log"}, RotateWait: time.Second}
}

// settled waits until so many lines came and so many files are followed, all of
// which are idle.
func (r *run) settled(b *testing.B, lines, files int) {
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if r.sink.count() >= lines {
			n := 0
			for _, st := range r.src.Stats() {
				if st.State == Idle {
					n++
				} else {
					n += 2 * files
				}
			}
			if n == files {
				break
			}
		}
		if time.Now().After(deadline) {
			b.Fatalf("%d lines of %d", r.sink.count(), lines)
		}
	}
	if n := r.sink.count(); n != lines {
		b.Fatalf("%d lines, want %d", n, lines)
	}
}
