//go:build unix

package tail

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/record"
)

// A drain is a source.Receiver that delivers everything at once.
type drain struct {
	pool  batch.Pool
	lines int
}

func (d *drain) NewBatch(l batch.Labels) *batch.Batch { return batch.New(&d.pool, l) }
func (d *drain) Hasten() func()                       { return func() {} }

func (d *drain) Receive(_ context.Context, b *batch.Batch, settled func(error)) error {
	d.lines += len(b.Entries)
	b.OnSettled(settled)
	b.Settle(nil)
	return nil
}

const benchLine = 217

func benchFile(b *testing.B) (path string, lines int) {
	path = filepath.Join(b.TempDir(), "bench.log")
	line := append(bytes.Repeat([]byte("x"), benchLine-1), '\n')
	lines = 64 << 20 / benchLine
	if err := os.WriteFile(path, bytes.Repeat(line, lines), 0o644); err != nil {
		b.Fatal(err)
	}
	return path, lines
}

// report gives the CPU time of the process, which other processes on the
// machine disturb less than the time that passes.
func report(b *testing.B, lines int, run func()) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := cpu(b)
	n := 0
	for b.Loop() {
		run()
		n++
	}
	took := cpu(b) - start
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(took)/float64(n*lines), "cpu-ns/line")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(n*lines), "allocs/line")
	b.SetBytes(int64(lines * benchLine))
}

func cpu(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkRead reads a file that is in the page cache, Send included.
func BenchmarkRead(b *testing.B) {
	path, lines := benchFile(b)
	b.Run("source", func(b *testing.B) {
		d := &drain{}
		report(b, lines, func() { readAll(b, path, d) })
		if d.lines%lines != 0 || d.lines == 0 {
			b.Fatalf("%d lines", d.lines)
		}
	})
	b.Run("floor: ReadAt and IndexByte", func(b *testing.B) {
		buf := make([]byte, chunk)
		report(b, lines, func() {
			f, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			n := 0
			for at := int64(0); ; {
				k, _ := f.ReadAt(buf, at)
				used := 0
				for i := bytes.IndexByte(buf[:k], '\n'); i >= 0; i = bytes.IndexByte(buf[used:k], '\n') {
					used += i + 1
					n++
				}
				if at += int64(used); used == 0 {
					break
				}
			}
			if n != lines {
				b.Fatalf("%d lines", n)
			}
		})
	})
	b.Run("bufio.Scanner", func(b *testing.B) {
		report(b, lines, func() {
			f, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			n := 0
			for sc := bufio.NewScanner(f); sc.Scan(); n++ {
				_ = sc.Bytes()
			}
			if n != lines {
				b.Fatalf("%d lines", n)
			}
		})
	})
	b.Run("bufio.Scanner, string per line", func(b *testing.B) {
		var keep string
		report(b, lines, func() {
			f, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			for sc := bufio.NewScanner(f); sc.Scan(); {
				keep = sc.Text()
			}
		})
		_ = keep
	})
}

func readAll(b *testing.B, path string, d *drain) {
	readConfig(b, Config{Paths: []string{path}, Once: true}, d)
}

func readConfig(b *testing.B, cfg Config, d *drain) {
	src, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	saver, err := source.NewSaver(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	sup := lifecycle.New(lifecycle.Config{})
	out := source.NewOutlet(source.OutletConfig{Name: "bench", Receiver: d, Saver: saver, Supervisor: sup})
	if err := out.Run(b.Context(), src); err != nil {
		b.Fatal(err)
	}
	if err := sup.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRecords reads the same lines in each of the ways that are not that of
// plain lines, and plain ones for comparison.
func BenchmarkRecords(b *testing.B) {
	text := strings.Repeat("x", benchLine-1)
	const trace = "java.io.IOException: no such drawer\n" + "\tat shop.Till.open(Till.java:42)\n"
	stamp := "2016-10-06T00:17:09.669794202Z"
	for _, bench := range []struct {
		name, line string // what makes one entry
		cfg        Config
	}{
		{"plain", text + "\n", Config{}},
		{"cri", stamp + " stdout F " + text + "\n", Config{Format: record.CRI}},
		{"docker-json", `{"log":"` + text + `\n","stream":"stdout","time":"` + stamp + `"}` + "\n", Config{Format: record.DockerJSON}},
		{"dates", "2016-10-06 " + text[11:] + "\n", Config{Multiline: Multiline{Rule: record.Dates()}}},
		{"traces, none there", text + "\n", Config{Multiline: Multiline{Rule: record.Traces()}}},
		{"traces, nothing else", trace, Config{Multiline: Multiline{Rule: record.Traces()}}},
		{"cri and dates", stamp + " stdout F 2016-10-06 " + text[11:] + "\n", Config{Format: record.CRI, Multiline: Multiline{Rule: record.Dates()}}},
		{"utf-16", encode(b, little, text+"\n"), Config{Encoding: little}},
		{"path", text + "\n", Config{AddPath: true}},
		{"offset", text + "\n", Config{AddOffset: true}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "bench.log")
			lines := 16 << 20 / len(bench.line)
			if err := os.WriteFile(path, bytes.Repeat([]byte(bench.line), lines), 0o644); err != nil {
				b.Fatal(err)
			}
			bench.cfg.Paths, bench.cfg.Once = []string{path}, true
			d := &drain{}
			report(b, lines, func() { readConfig(b, bench.cfg, d) })
			if d.lines%lines != 0 || d.lines == 0 {
				b.Fatalf("%d entries", d.lines)
			}
		})
	}
}
