//go:build linux

package nxtail_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	nxadm "github.com/nxadm/tail"
	"github.com/nxadm/tail/watch"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/nxtail"
	"github.com/logferry/logferry/source/tail"
)

// A drain is a source.Receiver that delivers everything at once.
type drain struct {
	pool batch.Pool
	left int // lines until full is called
	full func()
}

func (d *drain) NewBatch(l batch.Labels) *batch.Batch { return batch.New(&d.pool, l) }
func (d *drain) Hasten() func()                       { return func() {} }

func (d *drain) Receive(_ context.Context, b *batch.Batch, settled func(error)) error {
	d.left -= len(b.Entries)
	b.OnSettled(settled)
	b.Settle(nil)
	if d.left == 0 {
		d.full()
	}
	return nil
}

const benchLine = 200

// BenchmarkRead reads a file that is in the page cache.
func BenchmarkRead(b *testing.B) {
	const lines = 16 << 20 / benchLine
	path := filepath.Join(b.TempDir(), "bench.log")
	line := append(bytes.Repeat([]byte("x"), benchLine-1), '\n')
	if err := os.WriteFile(path, bytes.Repeat(line, lines), 0o600); err != nil {
		b.Fatal(err)
	}
	b.Run("source/tail", func(b *testing.B) {
		report(b, lines, func() {
			src, err := tail.New(tail.Config{Paths: []string{path}})
			pull(b, src, err, lines)
		})
	})
	b.Run("source/nxtail", func(b *testing.B) {
		report(b, lines, func() {
			src, err := nxtail.New(nxtail.Config{Paths: []string{path}})
			pull(b, src, err, lines)
		})
	})
	b.Run("nxadm", func(b *testing.B) {
		report(b, lines, func() {
			t, err := nxadm.TailFile(path, nxadm.Config{Follow: true, Poll: true, CompleteLines: true, Logger: nxadm.DiscardingLogger})
			if err != nil {
				b.Fatal(err)
			}
			for range lines {
				<-t.Lines
			}
			t.Stop()
			time.Sleep(2 * watch.POLL_DURATION)
		})
	})
}

// pull runs src until it has sent so many lines.
func pull(b *testing.B, src source.Source, err error, lines int) {
	if err != nil {
		b.Fatal(err)
	}
	saver, err := source.NewSaver(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	sup := lifecycle.New(lifecycle.Config{})
	out := source.NewOutlet(source.OutletConfig{Name: "logs", Receiver: &drain{left: lines, full: cancel}, Saver: saver, Supervisor: sup})
	if err := out.Run(ctx, src); err != nil {
		b.Fatal(err)
	}
	if err := sup.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// report gives the CPU time of the process: most of the time that passes is spent
// waiting for the watcher to end.
func report(b *testing.B, lines int, run func()) {
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, n := cpu(b), 0
	for b.Loop() {
		run()
		n++
	}
	took := cpu(b) - start
	runtime.ReadMemStats(&after)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took)/float64(n*lines), "cpu-ns/line")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(n*lines), "allocs/line")
}

func cpu(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
