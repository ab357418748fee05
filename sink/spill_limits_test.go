package sink_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// Each policy, with the destination down and a queue of 64 KiB.
func TestSpillOverflow(t *testing.T) {
	line := []byte(strings.Repeat("x", 1000))
	for policy, name := range []string{"block", "drop oldest", "drop newest"} {
		t.Run(name, func(t *testing.T) {
			to := &memory{down: true}
			told := int64(0)
			r := startSpill(t, to, sink.SpillConfig{MaxBytes: 64 << 10, Overflow: sink.SpillOverflow(policy),
				OnDropped: func(reason sink.SpillDropReason, n int64) {
					if reason == sink.SpillFull {
						told += n
					}
				}})
			taken, refused := 0, 0
			for range 200 {
				b := batch.New(nil, batch.MustLabels("app", "shop"))
				b.Append(base, line)
				err := r.Write(t.Context(), b)
				_, again := sink.After(err)
				switch {
				case err == nil:
					taken++
				case !errors.Is(err, sink.ErrSpillFull) || again != (policy == 0) || sink.IsPermanent(err) != (policy == 2):
					t.Fatalf("Write: %v", err)
				default:
					refused++
				}
			}
			st := r.Stats()
			if st.Bytes > 64<<10 || int64(taken) != st.Entries+st.Full-int64(refused)*int64(policy/2) {
				t.Errorf("taken %d, refused %d: %+v", taken, refused, st)
			}
			if (st.Full == 0) != (policy == 0) || st.Full != told || (refused == 0) != (policy == 1) {
				t.Errorf("%d dropped, %d told, %d refused", st.Full, told, refused)
			}
			to.set(func() { to.down = false })
			r.drain()
			if got := len(r.lines()); int64(got) != st.Entries {
				t.Errorf("%d delivered, want %d", got, st.Entries)
			}
			b := batch.New(nil, batch.MustLabels("app", "shop"))
			b.Append(base, line)
			r.write(b)
			r.drain()
		})
	}
}

// A small queue that an earlier process has filled makes room as one does that was filled just now: what is read of it,
// and cannot be dropped, is a part only.
func TestSpillDropsOldestOfBefore(t *testing.T) {
	to := &memory{down: true}
	cfg := sink.SpillConfig{Dir: filepath.Join(t.TempDir(), "queue"), MaxBytes: 64 << 10, Overflow: sink.SpillDropOldest, CloseTimeout: -1}
	r := startSpill(t, to, cfg)
	write := func(n int) {
		for range n {
			b := batch.New(nil, batch.MustLabels("app", "shop"))
			b.Append(base, []byte(strings.Repeat("x", 1000)))
			r.write(b)
		}
	}
	write(60)
	r.end()
	r = startSpill(t, to, cfg)
	until(t, "the first Write", func() bool { return r.Stats().Destination != nil })
	write(100)
	if st := r.Stats(); st.Full == 0 || st.Queued != 100 {
		t.Errorf("%+v", st)
	}
}

// What no queue of this size can take is taken in pieces, and an entry that none can is refused for good.
func TestSpillTooLarge(t *testing.T) {
	r := startSpill(t, &memory{}, sink.SpillConfig{MaxBytes: 64 << 10})
	b := batch.New(nil, batch.Labels{})
	b.Append(base, make([]byte, 70<<10))
	for range 10 {
		b.Append(base, make([]byte, 30<<10))
	}
	err := sink.Retry(r, sink.RetryConfig{Min: time.Millisecond}).Write(t.Context(), b)
	if got := failures(err); got != "0!" {
		t.Errorf("Write: %s: %v", got, err)
	}
	r.drain()
	if got := len(r.lines()); got != 10 {
		t.Errorf("%d entries delivered", got)
	}
	if r.Health() != nil {
		t.Errorf("Health = %v", r.Health())
	}
}

// What the destination refuses for good is dead-lettered with the reason, and the rest goes on.
func TestSpillRefused(t *testing.T) {
	for _, lettered := range []bool{false, true} {
		t.Run(fmt.Sprint("dead letter: ", lettered), func(t *testing.T) {
			to, dead := &memory{}, &memory{}
			picky := sink.Func(func(ctx context.Context, b *batch.Batch) error {
				var p sink.PartialError
				for i := range b.Entries {
					if string(b.Entries[i].Line) == "3" {
						p.Failures = append(p.Failures, sink.Failure{Index: i, Err: sink.Permanent(errors.New("odd"))})
					}
				}
				if err := to.Write(ctx, b); err != nil || p.Failures == nil {
					return err
				}
				return &p
			})
			refused := make(chan error, 1)
			cfg := sink.SpillConfig{Dir: filepath.Join(t.TempDir(), "q"), OnRefused: func(n int, err error) { refused <- err }}
			if lettered {
				cfg.DeadLetter = dead
			}
			s, err := sink.Spill(picky, cfg)
			if err != nil {
				t.Fatal(err)
			}
			sup := lifecycle.New(lifecycle.Config{})
			if err := s.Start(t.Context(), sup); err != nil {
				t.Fatal(err)
			}
			b, _ := series(1, 5)
			if err := s.Write(t.Context(), b[0]); err != nil {
				t.Fatal(err)
			}
			if err := s.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			st := s.Stats()
			if err := errors.Join(s.Close(t.Context()), sup.Close(t.Context())); err != nil {
				t.Error(err)
			}
			if !lettered {
				if err := <-refused; st.Refused != 1 || st.Delivered != 4 || !strings.Contains(err.Error(), "odd") {
					t.Errorf("%+v, told %v", st, err)
				}
				return
			}
			if st.DeadLettered != 1 || st.Refused != 0 || st.Delivered != 4 || len(dead.held) != 1 ||
				string(dead.held[0].Line) != "3" || !slices.Equal(dead.held[0].Attrs, []batch.Attr{{Key: sink.SpillReason, Value: "odd"}}) {
				t.Errorf("%+v, dead letter holds %+v", st, dead.held)
			}
		})
	}
}

// What a destination finds too large is queued whole, and goes there in pieces.
func TestSpillDirectTooLarge(t *testing.T) {
	to := &memory{}
	most := 0
	s, err := sink.Spill(sink.Retry(sink.Func(func(ctx context.Context, b *batch.Batch) error {
		if most = max(most, len(b.Entries)); len(b.Entries) > 3 {
			return sink.TooLarge(errors.New("413"))
		}
		return to.Write(ctx, b)
	}), sink.RetryConfig{Min: time.Millisecond}), sink.SpillConfig{Dir: filepath.Join(t.TempDir(), "q"), Direct: true})
	if err != nil {
		t.Fatal(err)
	}
	sup := newSupervisor(t)
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	b, lines := series(1, 100)
	if err := errors.Join(s.Write(t.Context(), b[0]), s.Drain(t.Context()), s.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	(&spillRig{t: t, to: to}).want(lines)
	if most != 100 {
		t.Errorf("at most %d entries were written at once", most)
	}
}

// A destination that takes smaller requests only is well: Health has nothing to say of it, and Close goes on delivering.
func TestSpillCloseInPieces(t *testing.T) {
	to := &memory{}
	var s *sink.Spiller
	s, err := sink.Spill(sink.Func(func(ctx context.Context, b *batch.Batch) error {
		if err := s.Health(); err != nil {
			t.Errorf("Health = %v", err)
		}
		if len(b.Entries) > 1 {
			return sink.TooLarge(errors.New("413"))
		}
		return to.Write(ctx, b)
	}), sink.SpillConfig{Dir: filepath.Join(t.TempDir(), "q"), CloseTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	sup := newSupervisor(t)
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	b, lines := series(1, 20)
	if err := errors.Join(s.Write(t.Context(), b[0]), s.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	(&spillRig{t: t, to: to}).want(lines)
}
