package tail

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
)

// A sinkhole is a source.Receiver that keeps copies of lines and settles, holds
// or loses batches as it is told.
type sinkhole struct {
	pool batch.Pool
	// onLine, if set, is given each line instead of it being kept.
	onLine func(l batch.Labels, e *batch.Entry)
	gate   func(ctx context.Context, b *batch.Batch) error // may block

	mu      sync.Mutex
	lines   []string
	labels  []string
	last    batch.Labels // of the last line
	attrs   []string
	batches int
	memory  int  // the largest batch
	hold    bool // what is not empty
	held    []func(error)
}

func newSinkhole() *sinkhole { return &sinkhole{pool: batch.Pool{Poison: true}} }

func (r *sinkhole) NewBatch(l batch.Labels) *batch.Batch { return batch.New(&r.pool, l) }

func (r *sinkhole) Hasten() func() { return func() {} }

var errLost = errors.New("lost by the test")

func (r *sinkhole) Receive(ctx context.Context, b *batch.Batch, settled func(error)) error {
	if r.gate != nil {
		if err := r.gate(ctx, b); err != nil {
			b.OnSettled(settled)
			b.Settle(err)
			return err
		}
	}
	b.OnSettled(settled)
	r.mu.Lock()
	r.batches++
	r.memory = max(r.memory, b.Memory())
	for i := range b.Entries {
		e := &b.Entries[i]
		if r.onLine != nil {
			r.onLine(b.Labels, e)
			continue
		}
		r.lines = append(r.lines, string(e.Line))
		r.last = b.LabelsOf(i)
		r.labels = append(r.labels, b.LabelsOf(i).Get("filename"))
		a := ""
		for _, x := range e.Attrs {
			a += x.Key + "=" + x.Value
		}
		r.attrs = append(r.attrs, a)
	}
	if r.hold && len(b.Entries) > 0 {
		r.held = append(r.held, func(err error) { b.Settle(err) })
		r.mu.Unlock()
		return nil
	}
	r.mu.Unlock()
	b.Settle(nil)
	return nil
}

// until is a gate that blocks until let is closed.
func until(let <-chan struct{}) func(context.Context, *batch.Batch) error {
	return func(ctx context.Context, _ *batch.Batch) error {
		select {
		case <-let:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// settle ends all batches that are held.
func (r *sinkhole) settle(err error) {
	r.mu.Lock()
	held := r.held
	r.held = nil
	r.mu.Unlock()
	for _, f := range held {
		f(err)
	}
}

func (r *sinkhole) setHold(hold bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hold = hold
}

func (r *sinkhole) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines)
}

func (r *sinkhole) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.lines)
}

// A run is one Source running against a sinkhole.
type run struct {
	t      testing.TB
	sink   *sinkhole
	saver  *source.Saver
	src    *Source
	out    *source.Outlet
	log    *logBuffer
	cancel context.CancelFunc
	done   chan struct{}
	err    error
	sup    *lifecycle.Supervisor
}

// logBuffer is what the source logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// quick makes waits short, for tests that do not test waits.
func quick(c Config) Config {
	c.Poll = cmpOr(c.Poll, 20*time.Millisecond)
	c.IdlePoll = cmpOr(c.IdlePoll, 100*time.Millisecond)
	c.RotateWait = cmpOr(c.RotateWait, 300*time.Millisecond)
	return c
}

func cmpOr(a, b time.Duration) time.Duration {
	if a != 0 {
		return a
	}
	return b
}

// start runs cfg until the test ends or stop is called.
func start(t testing.TB, cfg Config, sink *sinkhole, store source.Checkpoints) *run {
	t.Helper()
	src, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return startSource(t, src, sink, store)
}

func startSource(t testing.TB, src *Source, sink *sinkhole, store source.Checkpoints) *run {
	t.Helper()
	saver, err := source.NewSaver(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	if all, own := checker(t), src.plan.check; own == nil {
		src.plan.check = all
	} else {
		src.plan.check = func(s *scanner) { own(s); all(s) }
	}
	r := &run{t: t, sink: sink, saver: saver, src: src, log: &logBuffer{}, done: make(chan struct{}), sup: lifecycle.New(lifecycle.Config{})}
	out := source.NewOutlet(source.OutletConfig{
		Name: "tail", Receiver: sink, Saver: saver, Supervisor: r.sup,
		Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	})
	r.out = out
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(r.done)
		r.err = out.Run(ctx, src)
	}()
	t.Cleanup(func() { r.stop() })
	return r
}

// patience is how long a test waits for what must happen, on a machine that has other
// things to do.
const patience = 2 * time.Minute

// stop ends the run as a shutdown does and saves its cursors.
func (r *run) stop() {
	r.t.Helper()
	r.cancel()
	select {
	case <-r.done:
	case <-time.After(patience):
		r.t.Fatal("Run did not return")
	}
	r.sup.Close(context.Background())
	r.saver.Save(context.Background())
}

// failed reports whether Run has returned.
func (r *run) failed() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// wait polls until cond holds.
func wait(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// await polls until want lines have arrived, and then compares them.
func (r *run) await(want ...string) {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for r.sink.count() < len(want) {
		if time.Now().After(deadline) {
			r.t.Fatalf("timed out: got %d lines of %d: %.300q\nlog:\n%s", r.sink.count(), len(want), r.sink.got(), r.log)
		}
		time.Sleep(2 * time.Millisecond)
	}
	if got := r.sink.got(); !slices.Equal(got, want) {
		r.t.Fatalf("got %.500q\nwant %.500q\nlog:\n%s", got, want, r.log)
	}
}
