package sink_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/sinktest"
)

func TestConformanceSpill(t *testing.T) {
	for name, cfg := range map[string]sink.SpillConfig{
		"through the disk": {},
		"direct":           {Direct: true, DirectTimeout: time.Nanosecond}, // so that it comes to the disk
	} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, func(t testing.TB) sinktest.Target {
				m := &memory{}
				cfg.Dir = filepath.Join(t.TempDir(), "queue")
				s, err := sink.Spill(sink.Retry(m, sink.RetryConfig{Min: time.Millisecond}), cfg)
				if err != nil {
					t.Fatal(err)
				}
				d := &sickDisk{}
				s.Sicken(d.operation)
				return sinktest.Target{
					Sink:  s,
					Break: d.breaks,
					Stall: d.stalls,
					Delivered: func() (held []batch.Entry) {
						nextProcess(t, m, cfg) // a Close without time leaves something
						m.set(func() { held = append(held, m.held...) })
						return held
					},
				}
			})
		})
	}
}

// A sickDisk is a disk to which nothing can be written for a while: it fails, or it hangs.
type sickDisk struct {
	mu   sync.Mutex
	fail bool
	hang chan struct{}
}

func (d *sickDisk) operation(op string) error {
	if op != "sync" && op != "create" {
		return nil
	}
	d.mu.Lock()
	fail, hang := d.fail, d.hang
	d.mu.Unlock()
	if hang != nil {
		<-hang
	}
	if fail {
		return errors.New("input/output error")
	}
	return nil
}

func (d *sickDisk) set(fail bool, hang chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail, d.hang = fail, hang
}

func (d *sickDisk) breaks() (repair func()) {
	d.set(true, nil)
	return func() { d.set(false, nil) }
}

func (d *sickDisk) stalls() (release func()) {
	hang := make(chan struct{})
	d.set(false, hang)
	return func() { d.set(false, nil); close(hang) }
}

// nextProcess delivers what is left of a queue, unless it is still in use.
func nextProcess(t testing.TB, to *memory, cfg sink.SpillConfig) {
	s, err := sink.Spill(to, cfg)
	if err != nil {
		t.Fatal(err)
	}
	sup := lifecycle.New(lifecycle.Config{})
	defer sup.Close(context.Background())
	if err := s.Start(context.Background(), sup); errors.Is(err, sink.ErrSpillLocked) {
		return
	} else if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Drain(context.Background()), s.Close(context.Background())); err != nil {
		t.Error(err)
	}
}

// While the destination is down Writes return, and when it is back everything arrives in order.
func TestSpillOutlivesAnOutage(t *testing.T) {
	for _, direct := range []bool{false, true} {
		t.Run(fmt.Sprint("direct=", direct), func(t *testing.T) {
			to := &memory{down: true}
			r := startSpill(t, to, sink.SpillConfig{Direct: direct})
			batches, lines := series(50, 20)
			for _, b := range batches {
				r.write(b)
			}
			st := r.Stats()
			if st.Records != 50 || st.Entries != 1000 || st.Queued != 1000 || st.Bytes == 0 {
				t.Errorf("during the outage: %+v", st)
			}
			until(t, "the failure to be told of", func() bool { return r.Health() != nil })
			if err := r.Health(); !errors.Is(err, errDown) || !strings.Contains(err.Error(), "1000 entries are queued") {
				t.Errorf("Health = %v", err)
			}
			to.set(func() { to.down = false })
			r.drain()
			r.want(lines)
			until(t, "the queue to be empty", func() bool { return r.Stats().Records == 0 })
			if st := r.Stats(); st.Delivered != 1000 || st.Entries != 0 || st.Oldest != 0 || r.Health() != nil {
				t.Errorf("afterwards: %+v, Health %v", st, r.Health())
			}
			b, more := series(1, 3)
			r.write(b[0])
			r.drain()
			r.want(append(lines, more...))
			if st := r.Stats(); (st.Direct == 3) != direct {
				t.Errorf("after the outage: %+v", st)
			}
		})
	}
}

// What one process leaves the next delivers.
func TestSpillRestarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	down := &memory{down: true}
	var all []string
	for i := range 3 {
		r := startSpill(t, down, sink.SpillConfig{Dir: dir})
		batches, lines := series(10, 10+i)
		for _, b := range batches {
			r.write(b)
		}
		all = append(all, lines...)
		r.end()
	}
	up := &memory{}
	r := startSpill(t, up, sink.SpillConfig{Dir: dir})
	r.drain()
	r.want(all)
	r.end()
	r = startSpill(t, up, sink.SpillConfig{Dir: dir})
	r.drain()
	r.want(all) // and nothing twice
}

// Close delivers what it can.
func TestSpillCloseDelivers(t *testing.T) {
	r := startSpill(t, &memory{}, sink.SpillConfig{})
	batches, lines := series(100, 10)
	for _, b := range batches {
		r.write(b)
	}
	r.end()
	r.want(lines)
	if err := r.Write(t.Context(), batches[0]); !errors.Is(err, sink.ErrSpillClosed) {
		t.Errorf("Write after Close: %v", err)
	}
	if err := r.Drain(t.Context()); err != nil {
		t.Errorf("Drain of what is delivered: %v", err)
	}
}

// Close of a queue whose destination hangs ends with its ctx, and loses nothing.
func TestSpillCloseIsBounded(t *testing.T) {
	to := &memory{hang: make(chan struct{})}
	dir := filepath.Join(t.TempDir(), "queue")
	r := startSpill(t, to, sink.SpillConfig{Dir: dir})
	batches, lines := series(3, 2)
	for _, b := range batches {
		r.write(b)
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("Close took %v", took)
	}
	if err := r.sup.Close(t.Context()); err != nil {
		t.Error(err)
	}
	r.over = true
	to = &memory{}
	r = startSpill(t, to, sink.SpillConfig{Dir: dir})
	r.drain()
	r.want(lines)
}

func TestSpillLocked(t *testing.T) {
	r := startSpill(t, &memory{}, sink.SpillConfig{})
	dir := r.dir
	other, err := sink.Spill(&memory{}, sink.SpillConfig{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	sup := lifecycle.New(lifecycle.Config{})
	defer sup.Close(context.Background())
	err = other.Start(t.Context(), sup)
	if !errors.Is(err, sink.ErrSpillLocked) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("started twice: %v", err)
	}
	r.end()
	if err := other.Start(t.Context(), sup); err != nil {
		t.Errorf("after the other's end: %v", err)
	}
	if err := other.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Whatever task is not let in, Start says so, and the folder is free again.
func TestSpillTasksRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	for most := range 3 {
		sup := lifecycle.New(lifecycle.Config{MaxTasks: most + 1})
		var others []*lifecycle.Handle
		if most == 0 { // no bound of none
			others = append(others, sup.Go("other", func(ctx context.Context) error { <-ctx.Done(); return nil }))
		}
		s, err := sink.Spill(sink.Discard(), sink.SpillConfig{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Start(t.Context(), sup)
		if most < 2 && !errors.Is(err, lifecycle.ErrTooManyTasks) || most == 2 && err != nil {
			t.Errorf("with room for %d tasks: Start = %v", most, err)
		}
		for _, h := range others {
			h.Stop()
		}
		if err := errors.Join(s.Close(t.Context()), sup.Close(t.Context())); err != nil {
			t.Error(err)
		}
	}
	startSpill(t, &memory{}, sink.SpillConfig{Dir: dir})
}

// With room for its three tasks and no other, a queue delivers all the same.
func TestSpillWithoutTasks(t *testing.T) {
	to := &memory{}
	s, err := sink.Spill(to, sink.SpillConfig{Dir: filepath.Join(t.TempDir(), "queue")})
	if err != nil {
		t.Fatal(err)
	}
	sup := lifecycle.New(lifecycle.Config{MaxTasks: 3})
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	batches, lines := series(20, 3)
	for _, b := range batches {
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.Drain(t.Context()), s.Close(t.Context()), sup.Close(t.Context())); err != nil {
		t.Error(err)
	}
	(&spillRig{t: t, to: to}).want(lines)
}

func TestSpillBadConfig(t *testing.T) {
	_, err := sink.Spill(sink.Discard(), sink.SpillConfig{MaxBytes: 1, MaxAge: -1, Overflow: 7, DirectTimeout: -1, MaxInFlight: -1})
	for _, field := range []string{"Dir", "MaxBytes", "MaxAge", "Overflow", "DirectTimeout", "MaxInFlight"} {
		if err == nil || !strings.Contains(err.Error(), "Spill: "+field+": ") {
			t.Errorf("nothing of %s in %v", field, err)
		}
	}
	wantPanic(t, "sink: Spill: nil Sink", func() { sink.Spill(nil, sink.SpillConfig{Dir: "x"}) })
	s, err := sink.Spill(sink.Discard(), sink.SpillConfig{Dir: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), numbered(1)); !errors.Is(err, sink.ErrSpillClosed) {
		t.Errorf("Write before Start: %v", err)
	}
	if err := s.Drain(t.Context()); !errors.Is(err, sink.ErrSpillClosed) {
		t.Errorf("Drain before Start: %v", err)
	}
	if err := s.Close(t.Context()); err != nil || s.Stats() != (sink.SpillStats{}) || s.Health() != nil {
		t.Errorf("Close before Start: %v, %+v", err, s.Stats())
	}
}

// A destination that wants one stream per batch gets that, several at a time, each stream in order.
func TestSpillPerStream(t *testing.T) {
	to := &fork{busy: map[batch.Labels]bool{}, gate: make(chan struct{})}
	s, err := sink.Spill(to, sink.SpillConfig{Dir: filepath.Join(t.TempDir(), "q")})
	if err != nil {
		t.Fatal(err)
	}
	if s.PerStream() {
		t.Error("the queue wants one stream per batch")
	}
	sup := lifecycle.New(lifecycle.Config{})
	const streams, rounds = 20, 30
	write := func() {
		for round := range rounds {
			b := batch.New(nil, batch.Labels{})
			for i := range streams {
				b.Append(base, fmt.Appendf(nil, "%d %030000d", round, 0)) // several windows in all
				b.Entries[i].Labels = batch.MustLabels("stream", fmt.Sprint(i))
			}
			if err := s.Write(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	write()
	until(t, "several Writes", func() bool {
		to.mu.Lock()
		defer to.mu.Unlock()
		return to.most > 1
	})
	close(to.gate)
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(t.Context()), sup.Close(t.Context())); err != nil {
		t.Error(err)
	}
	next := map[batch.Labels]int{}
	for _, e := range to.held {
		if round, _, _ := strings.Cut(string(e.Line), " "); round != fmt.Sprint(next[e.Labels]) {
			t.Fatalf("%v: %s, want %d", e.Labels, round, next[e.Labels])
		}
		next[e.Labels]++
	}
	if to.bad != "" || len(next) != streams || len(to.held) != streams*rounds {
		t.Errorf("%s; %d streams, %d entries, at most %d Writes at a time", to.bad, len(next), len(to.held), to.most)
	}
}

// What is closed is not started again: nobody would give the folder back.
func TestSpillStartAfterClose(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "q")
	s, err := sink.Spill(sink.Discard(), sink.SpillConfig{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), newSupervisor(t)); !errors.Is(err, sink.ErrSpillClosed) || !strings.Contains(err.Error(), dir) {
		t.Errorf("Start = %v", err)
	}
}
