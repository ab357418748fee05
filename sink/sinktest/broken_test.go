package sinktest

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// Every kind of broken Sink is caught, and by the check that is meant to.
func TestBroken(t *testing.T) {
	for name, test := range map[string]struct {
		check string // that must catch it
		says  string
		flaw  func(ctx context.Context, m *memory, b *batch.Batch) error
	}{
		"keeps a line": {"delivers", "never written: \"\\xdb\\xdb", func(ctx context.Context, m *memory, b *batch.Batch) error {
			if err := m.reach(ctx); err != nil {
				return err
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			m.held = append(m.held, b.Entries...)
			return nil
		}},
		"loses an entry": {"delivers", "does not hold it", func(ctx context.Context, m *memory, b *batch.Batch) error {
			for i := 1; i < len(b.Entries); i++ {
				m.keep(b, i)
			}
			return nil
		}},
		"doubles an entry": {"delivers", "written 1 times, and the destination holds it 2 times", func(ctx context.Context, m *memory, b *batch.Batch) error {
			if len(b.Entries) > 0 {
				m.keep(b, 0)
			}
			return m.write(ctx, b)
		}},
		"reorders": {"delivers", "out of order", func(ctx context.Context, m *memory, b *batch.Batch) error {
			for i := len(b.Entries) - 1; i >= 0; i-- {
				m.keep(b, i)
			}
			return nil
		}},
		"mixes up labels": {"delivers", "labels are {stream", func(ctx context.Context, m *memory, b *batch.Batch) error {
			err := m.write(ctx, b)
			m.mu.Lock()
			defer m.mu.Unlock()
			for i := range m.held {
				m.held[i].Labels, _ = m.held[i].Labels.With("job", "")
			}
			return err
		}},
		"shifts times": {"delivers", "time is", func(ctx context.Context, m *memory, b *batch.Batch) error {
			err := m.write(ctx, b)
			m.mu.Lock()
			defer m.mu.Unlock()
			for i := range m.held {
				m.held[i].Time = m.held[i].Time.Add(time.Nanosecond)
			}
			return err
		}},
		"mixes up attributes": {"delivers", "attributes are", func(ctx context.Context, m *memory, b *batch.Batch) error {
			err := m.write(ctx, b)
			m.mu.Lock()
			defer m.mu.Unlock()
			for i := range m.held {
				m.held[i].Attrs = []batch.Attr{{Key: "trace", Value: "?"}}
			}
			return err
		}},
		"changes a line": {"delivers", "Write changed its batch", func(ctx context.Context, m *memory, b *batch.Batch) error {
			err := m.write(ctx, b)
			for _, e := range b.Entries {
				clear(e.Line)
			}
			return err
		}},
		"changes labels": {"delivers", "Write changed its batch", func(ctx context.Context, m *memory, b *batch.Batch) error {
			err := m.write(ctx, b)
			for i := range b.Entries {
				b.Entries[i].Labels = batch.MustLabels("a", "b")
			}
			return err
		}},
		"shortens its batch": {"delivers", "Write changed its batch", func(ctx context.Context, m *memory, b *batch.Batch) error {
			err := m.write(ctx, b)
			b.Entries = b.Entries[:0]
			return err
		}},
		"appends to its batch": {"delivers", "did not return", func(ctx context.Context, m *memory, b *batch.Batch) error {
			b.Append(time.Now(), []byte("more"))
			return m.write(ctx, b)
		}},
		"settles its batch": {"delivers", "the Sink settled", func(ctx context.Context, m *memory, b *batch.Batch) error {
			err := m.write(ctx, b)
			b.Settle(nil)
			return err
		}},
		"retains its batch": {"delivers", "the Sink retained", func(ctx context.Context, m *memory, b *batch.Batch) error {
			b.Retain(1)
			return m.write(ctx, b)
		}},
		"panics": {"delivers", "did not return", func(context.Context, *memory, *batch.Batch) error { panic("no") }},
		"exits":  {"delivers", "did not return", func(context.Context, *memory, *batch.Batch) error { runtime.Goexit(); return nil }},
		"asks for a retry of what it never takes": {"takes what is hostile", "not refused for good either", func(ctx context.Context, m *memory, b *batch.Batch) error {
			for _, e := range b.Entries {
				if strings.ContainsRune(string(e.Line), 0) {
					return errors.New("no NUL, please")
				}
			}
			return m.write(ctx, b)
		}},
		"cuts lines": {"takes what is hostile", "never written", func(ctx context.Context, m *memory, b *batch.Batch) error {
			err := m.write(ctx, b)
			m.mu.Lock()
			defer m.mu.Unlock()
			for i := range m.held {
				m.held[i].Line = m.held[i].Line[:min(len(m.held[i].Line), 4000)]
			}
			return err
		}},
		"refuses a batch for one line": {"refuses by the line", "refused because of another line", func(ctx context.Context, m *memory, b *batch.Batch) error {
			if err := refuseOddLines(ctx, &memory{}, b); err != nil {
				return sink.Permanent(errors.New("odd"))
			}
			return m.write(ctx, b)
		}},
		"cannot take nothing": {"takes an empty batch", "Write of an empty Subset", func(ctx context.Context, m *memory, b *batch.Batch) error {
			if len(b.Entries) == 0 {
				return errors.New("nothing to do")
			}
			return m.write(ctx, b)
		}},
		"takes the batch behind a subset": {"writes a subset", "holds it", func(ctx context.Context, m *memory, b *batch.Batch) error {
			if len(b.Entries) > 0 {
				m.keep(b, len(b.Entries)-1) // as if it were counted there
			}
			return m.write(ctx, b)
		}},
		"lists an entry it was not given": {"writes a subset", "lists entry 9 of a batch of 4", func(ctx context.Context, m *memory, b *batch.Batch) error {
			if len(b.Entries) == 4 {
				return &sink.PartialError{Failures: []sink.Failure{{Index: 9, Err: errDown}}}
			}
			return m.write(ctx, b)
		}},
		"lists an entry twice": {"writes a subset", "lists entry 1 twice", func(ctx context.Context, m *memory, b *batch.Batch) error {
			if len(b.Entries) == 4 {
				return &sink.PartialError{Failures: []sink.Failure{{Index: 1, Err: errDown}, {Index: 1, Err: errDown}}}
			}
			return m.write(ctx, b)
		}},
		"lists an entry without an error": {"writes a subset", "lists entry 1 without an error", func(ctx context.Context, m *memory, b *batch.Batch) error {
			if len(b.Entries) == 4 {
				return &sink.PartialError{Failures: []sink.Failure{{Index: 1}}}
			}
			return m.write(ctx, b)
		}},
		"returns a PartialError of nothing": {"delivers", "without Failures", func(ctx context.Context, m *memory, b *batch.Batch) error {
			if err := m.write(ctx, b); err != nil {
				return err
			}
			return &sink.PartialError{}
		}},
		"returns a nil PartialError": {"delivers", "nil *PartialError", func(ctx context.Context, m *memory, b *batch.Batch) error {
			if err := m.write(ctx, b); err != nil {
				return err
			}
			var p *sink.PartialError
			return p
		}},
		"reports failed what it took": {"refuses by the line", "reported as permanently failed, and the destination holds it", func(ctx context.Context, m *memory, b *batch.Batch) error {
			if err := m.write(ctx, b); err != nil {
				return err
			}
			if len(b.Entries) < 2 {
				return nil
			}
			return &sink.PartialError{Failures: []sink.Failure{{Index: 1, Err: sink.Permanent(errDown)}}}
		}},
		"writes one at a time only": {"writes concurrently", "did not return", func(ctx context.Context, m *memory, b *batch.Batch) error {
			if !m.mu.TryLock() {
				panic("concurrent Writes")
			}
			time.Sleep(time.Millisecond)
			m.mu.Unlock()
			return m.write(ctx, b)
		}},
		"makes a cancelled context permanent": {"minds a cancelled context", "made a permanent failure", func(ctx context.Context, m *memory, b *batch.Batch) error {
			return sink.Permanent(m.write(ctx, b))
		}},
		"goes on under a cancelled context": {"minds a cancelled context", "did not return within", func(ctx context.Context, m *memory, b *batch.Batch) error {
			if ctx.Err() != nil {
				time.Sleep(time.Minute)
			}
			return m.write(ctx, b)
		}},
		"does not end with its context": {"minds a stalled destination", "did not return within", func(_ context.Context, m *memory, b *batch.Batch) error {
			return m.write(context.Background(), b)
		}},
		"takes silence for an answer": {"minds a stalled destination", "stalled destination returned nil", func(ctx context.Context, m *memory, b *batch.Batch) error {
			if err := m.write(ctx, b); !errors.Is(err, context.DeadlineExceeded) {
				return err
			}
			return nil
		}},
		"swallows errors": {"reports a broken destination", "broken destination returned nil", func(ctx context.Context, m *memory, b *batch.Batch) error {
			if err := m.write(ctx, b); !errors.Is(err, errDown) {
				return err
			}
			return nil
		}},
		"gives up on an outage": {"reports a broken destination", "broken destination made a permanent failure", func(ctx context.Context, m *memory, b *batch.Batch) error {
			return sink.Permanent(m.write(ctx, b))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				said := verdict(t, test.check, func(testing.TB) Target {
					m := &memory{flaw: test.flaw}
					return m.target(m)
				})
				time.Sleep(5 * time.Minute) // what hangs in this bubble ends meanwhile
				if !strings.Contains(said, test.says) {
					t.Errorf("the check %q does not say %q but\n%s", test.check, test.says, said)
				}
			})
		})
	}
}

// A Sink that keeps lines for later, with nothing to read it back, is caught by -race alone; with Delivered it is
// caught when it delivers them.
func TestBrokenClose(t *testing.T) {
	for name, test := range map[string]struct {
		check   string
		says    string
		onClose func(ctx context.Context, m *memory) error
	}{
		"does not close": {"delivers", "Close: stuck", func(context.Context, *memory) error { return errors.New("stuck") }},
		"closes for ever": {"closes under a cancelled context", "Close did not return within", func(ctx context.Context, m *memory) error {
			time.Sleep(time.Minute)
			return nil
		}},
		"forgets at Close": {"delivers", "does not hold it", func(ctx context.Context, m *memory) error {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.held = nil
			return nil
		}},
		"leaves a goroutine": {"delivers", "left 1 goroutines behind", func(ctx context.Context, m *memory) error {
			go time.Sleep(time.Minute)
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				said := verdict(t, test.check, func(testing.TB) Target {
					m := &memory{onClose: test.onClose}
					return m.target(m)
				})
				time.Sleep(5 * time.Minute) // what hangs in this bubble ends meanwhile
				if !strings.Contains(said, test.says) {
					t.Errorf("the check %q does not say %q but\n%s", test.check, test.says, said)
				}
			})
		})
	}
}

// A starter is a memory with a task of its own.
type starter struct {
	memory
	start func(ctx context.Context, sup *lifecycle.Supervisor) error
	run   func(ctx context.Context) error
}

func (s *starter) Start(ctx context.Context, sup *lifecycle.Supervisor) error {
	if s.start != nil {
		return s.start(ctx, sup)
	}
	sup.Go("helper", s.run)
	return nil
}

func TestBrokenStarter(t *testing.T) {
	for name, test := range map[string]struct {
		says string
		s    *starter
	}{
		"does not start": {"Start: no", &starter{start: func(context.Context, *lifecycle.Supervisor) error { return errors.New("no") }}},
		"starts for ever": {"Start did not return within", &starter{start: func(context.Context, *lifecycle.Supervisor) error {
			time.Sleep(time.Minute)
			return nil
		}}},
		// An error that comes once the task has been told to stop is no failure: this one is seen to come before.
		"its task fails": {"tasks of the Sink: lifecycle: sink/helper: no", &starter{start: func(_ context.Context, sup *lifecycle.Supervisor) error {
			<-sup.Go("helper", func(context.Context) error { return errors.New("no") }).Done()
			return nil
		}}},
		"its task does not end": {"tasks of the Sink", &starter{run: func(context.Context) error {
			time.Sleep(time.Minute)
			return nil
		}}},
		"nothing is wrong": {"", &starter{run: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				said := verdict(t, "delivers", func(testing.TB) Target { return test.s.target(test.s) })
				time.Sleep(5 * time.Minute)
				if !strings.Contains(said, test.says) || test.says == "" && said != "" {
					t.Errorf("does not say %q but\n%s", test.says, said)
				}
			})
		})
	}
}

// A Sink whose Write of one stream must not overlap nor meet another stream in a batch.
type perStream struct{ memory }

func (*perStream) PerStream() bool { return true }

func TestPerStream(t *testing.T) {
	Run(t, func(testing.TB) Target {
		m := &perStream{}
		busy := map[batch.Labels]bool{}
		m.flaw = func(ctx context.Context, m *memory, b *batch.Batch) error {
			if len(b.Entries) == 0 {
				return nil
			}
			l := b.LabelsOf(0)
			for i := range b.Entries {
				if b.LabelsOf(i) != l {
					t.Errorf("streams %v and %v in one batch", l, b.LabelsOf(i))
				}
			}
			m.mu.Lock()
			if busy[l] {
				t.Errorf("two Writes of %v at a time", l)
			}
			busy[l] = true
			m.mu.Unlock()
			runtime.Gosched()
			defer func() {
				m.mu.Lock()
				defer m.mu.Unlock()
				busy[l] = false
			}()
			return m.write(ctx, b)
		}
		return m.target(m)
	})
}

// Without hooks there is less to check, and a Target without a Sink is said to be none.
func TestHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if said := verdict(t, "", func(testing.TB) Target { return Target{Sink: sink.Discard()} }); said != "" {
			t.Error(said)
		}
		if said := verdict(t, "delivers", func(testing.TB) Target { return Target{} }); !strings.Contains(said, "Target.Sink is nil") {
			t.Errorf("says %q", said)
		}
	})
}
