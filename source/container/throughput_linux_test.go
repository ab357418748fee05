package container_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/enginetest"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/container"
)

const (
	lineSize = 200
	// backlog is how many lines there are to read at once: engines send some 100,000 a second.
	backlog = 200_000
	// pace and steady are how many lines a second come, and for how long, from a container that takes its time.
	pace, steady = 2000, 4 * time.Second
)

// BenchmarkThroughput reads the log of one container from a real engine.
//
//   - backlog: the container has written all there is;
//   - rush: it writes as fast as it can, and is followed;
//   - steady: it writes 2,000 lines a second, and is followed.
//
// Each is done by a bare loop, which copies the engine's answer to nowhere, and by a Source whose entries are counted and
// settled, in live mode and by polling. Reported are lines a second, and the CPU time for each line, of this process and
// of the engine's. Except in steady, before each turn of a Source the bare loop has one: x-bare is how many times longer the Source took in its
// best turn than the loop in its best, and says something only if there are some (-benchtime 5x).
func BenchmarkThroughput(b *testing.B) {
	for _, version := range enginetest.Need(b) {
		e := enginetest.Start(b, version)
		for _, driver := range []string{"json-file", "local"} {
			b.Run(version+"/"+driver, func(b *testing.B) {
				m := &meter{engine: e, driver: driver}
				b.Run("backlog", m.backlog)
				b.Run("rush", func(b *testing.B) {
					m.follow(b, enginetest.Script{Lines: backlog, Sizes: []int{lineSize - 1}}, true)
				})
				b.Run("steady", func(b *testing.B) {
					m.follow(b, enginetest.Script{Lines: pace * int(steady/time.Second), Sizes: []int{lineSize - 1},
						Burst: pace / 100, Every: time.Second / 100}, false)
				})
			})
		}
	}
}

// A meter measures readers at an engine.
type meter struct {
	engine *enginetest.Engine
	driver string
	n      int // of subjects
}

// A subject is a container that is read.
type subject struct {
	*enginetest.Container
	name string
}

// create makes a container that is yet to be started.
func (m *meter) create(b *testing.B, s enginetest.Script) subject {
	b.Helper()
	m.n++
	name := fmt.Sprintf("%s-%d", m.driver, m.n)
	return subject{m.engine.Create(b, enginetest.Spec{Name: name, Driver: m.driver, Script: s}), name}
}

// backlog reads what a container has written.
func (m *meter) backlog(b *testing.B) {
	c := m.create(b, enginetest.Script{Lines: backlog, Sizes: []int{lineSize - 1}})
	c.Start(b)
	c.Wait(b)
	bare := func(b *testing.B) func() { return func() { m.copy(b, c, false) } }
	b.Run("bare", func(b *testing.B) { m.measure(b, backlog, bare, nil) })
	b.Run("source", func(b *testing.B) {
		m.measure(b, backlog, func(b *testing.B) func() {
			return func() { m.read(b, c, backlog, 0)() }
		}, bare)
	})
}

// follow reads what a container writes meanwhile.
func (m *meter) follow(b *testing.B, s enginetest.Script, compare bool) {
	bare := func(b *testing.B) func() {
		c := m.create(b, s)
		return func() { c.Start(b); m.copy(b, c, true) }
	}
	b.Run("bare", func(b *testing.B) { m.measure(b, s.Lines, bare, nil) })
	other := bare
	if !compare {
		other = nil // the container sets the pace
	}
	for _, streams := range []int{0, -1} {
		b.Run([]string{"polling", "live"}[streams+1], func(b *testing.B) {
			m.measure(b, s.Lines, func(b *testing.B) func() {
				c := m.create(b, s)
				read := m.read(b, c, s.Lines, streams)
				return func() { c.Start(b); read() }
			}, other)
		})
	}
}

// measure times what prepare returns, and reports what it costs for each line. If there is something to compare it with,
// that goes first each time.
func (m *meter) measure(b *testing.B, lines int, prepare, other func(*testing.B) func()) {
	b.Helper()
	b.SetBytes(int64(lines * lineSize))
	b.ReportAllocs()
	var took, ours, theirs time.Duration
	best, least := time.Hour, time.Hour
	for range b.N {
		b.StopTimer()
		if other != nil {
			run := other(b)
			began := time.Now()
			run()
			least = min(least, time.Since(began))
		}
		run := prepare(b)
		began, own, engine := time.Now(), cpuTime(b), m.engine.CPU(b)
		b.StartTimer()
		run()
		took += time.Since(began)
		best = min(best, time.Since(began))
		ours += cpuTime(b) - own
		theirs += m.engine.CPU(b) - engine
	}
	all := float64(lines * b.N)
	b.ReportMetric(all/took.Seconds(), "lines/s")
	b.ReportMetric(float64(ours)/all, "cpu-ns/line")
	b.ReportMetric(float64(theirs)/all, "engine-cpu-ns/line")
	if other != nil {
		b.ReportMetric(float64(best)/float64(least), "x-bare")
	}
}

// cpuTime is the user and system time this process has used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// copy is the bare loop.
func (m *meter) copy(b *testing.B, c subject, follow bool) {
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", strings.TrimPrefix(m.engine.Host(), "unix://"))
	}}
	defer tr.CloseIdleConnections()
	query := "/logs?stdout=1&stderr=1&timestamps=1"
	if follow {
		query += "&follow=1"
	}
	resp, err := (&http.Client{Transport: tr}).Get("http://engine/containers/" + c.ID + query)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || n < lineSize {
		b.Fatal(n, err)
	}
}

// read runs a Source for a container, and returns what waits until it has delivered so many lines, and ends it.
func (m *meter) read(b *testing.B, c subject, lines, streams int) (wait func()) {
	src, err := container.New(container.Config{Host: m.engine.Host(), MaxStreams: streams,
		Include: []container.Match{{Name: "^" + c.name + "$"}}})
	if err != nil {
		b.Fatal(err)
	}
	saver, err := source.NewSaver(b.Context(), source.MemCheckpoints())
	if err != nil {
		b.Fatal(err)
	}
	d := newDiscard(lines)
	super := lifecycle.New(lifecycle.Config{Name: "throughput"})
	out := source.NewOutlet(source.OutletConfig{Name: "source", Receiver: d, Saver: saver, Supervisor: super})
	super.Go("run", func(ctx context.Context) error { return out.Run(ctx, src) })
	return func() {
		<-d.done
		if err := super.Close(context.Background()); err != nil {
			b.Error(err)
		}
	}
}

// A discard counts entries.
type discard struct {
	pool batch.Pool
	left atomic.Int64
	done chan struct{} // closed when none is left to come
}

func newDiscard(lines int) *discard {
	d := &discard{done: make(chan struct{})}
	d.left.Store(int64(lines))
	return d
}

// NewBatch implements source.Receiver.
func (d *discard) NewBatch(l batch.Labels) *batch.Batch { return batch.New(&d.pool, l) }

// Receive implements source.Receiver.
func (d *discard) Receive(_ context.Context, b *batch.Batch, settled func(error)) error {
	n := int64(len(b.Entries))
	b.OnSettled(settled)
	b.Settle(nil)
	if left := d.left.Add(-n); left <= 0 && left > -n {
		close(d.done)
	}
	return nil
}

// Hasten implements source.Receiver.
func (d *discard) Hasten() (done func()) { return func() {} }
