//go:build unix

package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/grafana/loki/pkg/push"
	"github.com/prometheus/common/model"

	"github.com/logferry/logferry/batch"
)

const (
	benchLines   = 100_000
	benchStreams = 10
)

// loads are what the benchmarks push: lines alone, and lines with metadata.
var loads = []string{"lines", withMetadata}

const withMetadata = "metadata"

// A load is what is pushed, in the terms of each client, so that neither is charged for the other's types.
type load struct {
	text    []string
	lines   [][]byte
	sets    []model.LabelSet
	labels  []batch.Labels
	adapter push.LabelsAdapter
	attrs   []batch.Attr
}

func newLoad(metadata bool) *load {
	l := &load{lines: generated(benchLines)}
	for _, line := range l.lines {
		l.text = append(l.text, string(line))
	}
	for i := range benchStreams {
		host := fmt.Sprint("web-", i)
		l.sets = append(l.sets, model.LabelSet{"app": "shop", "env": "prod", "host": model.LabelValue(host)})
		l.labels = append(l.labels, batch.MustLabels("app", "shop", "env", "prod", "host", host))
	}
	if metadata {
		l.adapter = push.LabelsAdapter{{Name: "trace_id", Value: "4bf92f3577b34da6"}, {Name: "pod", Value: "shop-1"}}
		l.attrs = []batch.Attr{{Key: "trace_id", Value: "4bf92f3577b34da6"}, {Key: "pod", Value: "shop-1"}}
	}
	return l
}

// archived pushes all of it with loki-client-go, which batches for itself.
func (l *load) archived(tb testing.TB, url string) {
	var said complaints
	c, err := newArchived(config{url: url, batch: 1 << 20, tries: 1}, &said)
	if err != nil {
		tb.Fatal(err)
	}
	for i, line := range l.text {
		at := start.Add(time.Duration(i) * time.Millisecond)
		if l.adapter == nil {
			err = c.Handle(l.sets[i%benchStreams], at, line)
		} else {
			err = c.HandleWithMetadata(l.sets[i%benchStreams], at, line, l.adapter)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	c.Stop()
	if err := said.err(); err != nil {
		tb.Fatal(err)
	}
}

// logferry pushes all of it with sink/loki, in batches of a stream each, as a pipeline hands them over.
func (l *load) logferry(tb testing.TB, url string, pool *batch.Pool) {
	s, err := newLogferry(config{url: url, batch: 1 << 20})
	if err != nil {
		tb.Fatal(err)
	}
	write := func(b *batch.Batch) {
		if err := s.Write(context.Background(), b); err != nil {
			tb.Fatal(err)
		}
		b.Settle(nil)
	}
	var batches [benchStreams]*batch.Batch
	var size [benchStreams]int
	for i, line := range l.lines {
		k := i % benchStreams
		if size[k] > 1<<20 {
			write(batches[k])
			batches[k], size[k] = nil, 0
		}
		if batches[k] == nil {
			batches[k] = batch.New(pool, l.labels[k])
		}
		batches[k].Append(start.Add(time.Duration(i)*time.Millisecond), line, l.attrs...)
		size[k] += len(line)
	}
	for _, b := range batches {
		write(b)
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		tb.Fatal(err)
	}
}

// cpuTime is the user and system time this process has used.
func cpuTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPush sets the two side by side, ours alone and in a pipeline, theirs alone and as a sink: 100,000 lines of 200
// bytes and 10 streams, pushed to a server that discards them, in requests of about 1 MiB.
func BenchmarkPush(b *testing.B) {
	url := startDiscard(b)
	var pool batch.Pool
	for _, name := range loads {
		l := newLoad(name == withMetadata)
		run := func(client string, f func()) {
			b.Run(name+"/"+client, func(b *testing.B) {
				b.ReportAllocs()
				before := cpuTime(b)
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N*benchLines), "cpu-ns/line")
			})
		}
		run("loki-client-go", func() { l.archived(b, url) })
		run("logferry", func() { l.logferry(b, url, &pool) })
		run("bridge", func() { l.bridge(b, url, &pool) })
		run("pipeline", func() { l.pipeline(b, url) })
	}
}

// BenchmarkRatio has them take turns, so that what else the machine does hits both: how many times as much
// loki-client-go takes, by the rounds in which each took least.
func BenchmarkRatio(b *testing.B) {
	url := startDiscard(b)
	var pool batch.Pool
	for _, name := range loads {
		l := newLoad(name == withMetadata)
		b.Run(name, func(b *testing.B) {
			theirs, ours, whole := most, most, most
			for b.Loop() {
				theirs = theirs.least(measure(b, func() { l.archived(b, url) }))
				ours = ours.least(measure(b, func() { l.logferry(b, url, &pool) }))
				whole = whole.least(measure(b, func() { l.pipeline(b, url) }))
			}
			b.ReportMetric(theirs.cpu/ours.cpu, "cpu-ratio")
			b.ReportMetric(theirs.allocs/ours.allocs, "allocs-ratio")
			b.ReportMetric(theirs.cpu/whole.cpu, "pipeline-cpu-ratio")
			b.ReportMetric(theirs.allocs/whole.allocs, "pipeline-allocs-ratio")
		})
	}
}

// A cost is what one round took.
type cost struct{ cpu, allocs float64 }

var most = cost{math.Inf(1), math.Inf(1)}

func (c cost) least(d cost) cost { return cost{min(c.cpu, d.cpu), min(c.allocs, d.allocs)} }

func measure(tb testing.TB, f func()) cost {
	var before, after runtime.MemStats
	runtime.GC() // a round does not pay for the garbage of the one before
	runtime.ReadMemStats(&before)
	began := cpuTime(tb)
	f()
	took := cpuTime(tb) - began
	runtime.ReadMemStats(&after)
	return cost{float64(took), float64(after.Mallocs - before.Mallocs)}
}
