package sink_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// A moody destination says of each Write, and of each stream in it, what its dice say. In one life of the queue it has
// every stream in order and no entry twice.
type moody struct {
	t         *testing.T
	perStream bool

	mu      sync.Mutex
	rnd     *rand.Rand
	well    bool
	next    map[string]int  // in this life
	fate    map[string]bool // the lines it took or refused for good, in all lives
	taken   int             // in this life
	refused int             // in this life
}

func (m *moody) PerStream() bool { return m.perStream }

func (m *moody) Close(context.Context) error { return nil }

func (m *moody) Write(ctx context.Context, b *batch.Batch) error {
	m.mu.Lock()
	mood := 100
	if !m.well {
		mood = m.rnd.IntN(100)
	}
	m.mu.Unlock()
	switch {
	case mood < 2:
		return errDown
	case mood < 3:
		panic("in a mood")
	case mood < 4:
		return sink.Throttled(errors.New("all of you"), time.Millisecond)
	case mood < 6 && len(b.Entries) > 1: // one alone would be refused for it
		return sink.TooLarge(errors.New("413"))
	case mood < 7:
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return m.sort(b)
}

// sort takes entries in, or not, by their streams.
func (m *moody) sort(b *batch.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &sink.PartialError{}
	said := map[string]error{}
	for i := range b.Entries {
		stream := b.LabelsOf(i).Get("stream")
		err, known := said[stream]
		if !known {
			err = m.say()
			said[stream] = err
		}
		line := string(b.Entries[i].Line[:8])
		if err == nil || sink.IsPermanent(err) {
			n, bad := strconv.Atoi(line)
			if bad != nil || n < m.next[stream] {
				m.t.Errorf("%s: %q, want %d or more", stream, line, m.next[stream])
			}
			m.next[stream] = n + 1
			m.fate[stream+" "+line] = true
		}
		switch {
		case err == nil:
			m.taken++
			continue
		case sink.IsPermanent(err):
			m.refused++
		}
		p.Failures = append(p.Failures, sink.Failure{Index: i, Err: err})
	}
	switch {
	case len(p.Failures) == 0:
		return nil
	case m.perStream:
		return p.Failures[0].Err
	}
	return p
}

func (m *moody) say() error {
	if m.well {
		return nil
	}
	switch n := m.rnd.IntN(60); {
	case n < 6:
		return sink.RetryAfter(errors.New("429"), time.Duration(m.rnd.IntN(30))*time.Millisecond)
	case n < 7:
		return sink.RetryAfter(errors.New("429"), time.Hour)
	case n < 8:
		return errDown
	case n < 9:
		return sink.Permanent(errors.New("never"))
	}
	return nil
}

// A queue lives several times, with streams that wait at its ends, and may be full. Whatever was acknowledged is delivered,
// or refused by the destination, or counted as dropped where that is the policy; and the account of each life closes.
func TestSpillLivesAtRandom(t *testing.T) {
	seeds := uint64(6)
	if os.Getenv("LOGFERRY_SOAK") != "" {
		seeds = 200
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 9))
			m := &moody{t: t, perStream: seed/3%2 == 0, rnd: rand.New(rand.NewPCG(seed, 10)), fate: map[string]bool{}}
			l := &lives{m: m, acked: map[string]bool{}, cfg: sink.SpillConfig{
				Dir: filepath.Join(t.TempDir(), "q"), MaxBytes: 128 << 10 << rnd.IntN(5),
				Overflow: sink.SpillOverflow(seed % 3), CloseTimeout: 20 * time.Millisecond,
			}}
			if seed%2 == 1 {
				l.cfg.Shaper = most(2000)
			}
			for range 4 {
				l.cfg.MaxInFlight = 1 + rnd.IntN(4)
				l.live(t, rnd, false)
			}
			l.live(t, rnd, true)
			lost := int64(0)
			for line := range l.acked {
				if !m.fate[line] {
					lost++
				}
			}
			if lost > l.dropped {
				t.Errorf("%d of %d acknowledged are lost, %d dropped", lost, len(l.acked), l.dropped)
			}
		})
	}
}

// most is a Shaper of Writes of so many bytes at most.
type most int

func (m most) Limits(batch.State) batch.Limits { return batch.Limits{MaxBytes: int(m)} }
func (most) Observe(batch.Outcome)             {}

// lives is what a queue that lives several times was given.
type lives struct {
	m       *moody
	cfg     sink.SpillConfig
	seq     sequence
	acked   map[string]bool
	dropped int64 // of what was acknowledged
	left    int64 // entries, at the end of the last life
}

// live is one life. The last one delivers all there is.
func (l *lives) live(t *testing.T, rnd *rand.Rand, last bool) {
	t.Helper()
	l.m.well, l.m.next, l.m.taken, l.m.refused = last, map[string]int{}, 0, 0
	s, err := sink.Spill(sink.Retry(l.m, sink.RetryConfig{Min: time.Millisecond, Max: 5 * time.Millisecond}), l.cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Poison()
	sup := lifecycle.New(lifecycle.Config{})
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	found := l.left
	unacked := l.write(t, s, rnd)
	if last {
		if err := s.Drain(soon(t)); err != nil {
			t.Fatalf("%v: %+v", err, s.Stats())
		}
	}
	if rnd.IntN(3) > 0 || last {
		if err := s.Close(soon(t)); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(sup.Close(soon(t)), s.Close(soon(t))); err != nil {
		t.Error(err)
	}
	st := s.Stats()
	l.left = st.Entries
	full := st.Full
	if l.cfg.Overflow != sink.SpillBlock {
		full -= unacked
	}
	l.dropped += full
	if full < 0 || full > 0 && l.cfg.Overflow != sink.SpillDropOldest || st.Waiting != 0 || st.DamagedRecords > 0 {
		t.Errorf("%d not acknowledged: %+v", unacked, st)
	}
	if st.Delivered > int64(l.m.taken) || st.Refused > int64(l.m.refused) {
		t.Errorf("%d taken, %d refused: %+v", l.m.taken, l.m.refused, st)
	}
	if in, out := found+st.Queued, st.Entries+st.Delivered+st.Refused+full; in > out+st.Entries || last && (in != out || st.Entries != 0) {
		t.Errorf("found %d: %+v", found, st)
	}
}

// write writes a while, and returns how many entries were refused.
func (l *lives) write(t *testing.T, s *sink.Spiller, rnd *rand.Rand) (refused int64) {
	t.Helper()
	if l.seq == nil {
		l.seq = sequence{}
	}
	for range 60 {
		b := batch.New(nil, batch.Labels{})
		for range 1 + rnd.IntN(30) {
			l.seq.put(b, fmt.Sprint(rnd.IntN(8)), 10+rnd.IntN(900))
		}
		err := s.Write(t.Context(), b)
		switch {
		case err == nil:
			for i := range b.Entries {
				l.acked[b.LabelsOf(i).Get("stream")+" "+string(b.Entries[i].Line[:8])] = true
			}
		case !errors.Is(err, sink.ErrSpillFull) || sink.IsPermanent(err) == (l.cfg.Overflow == sink.SpillBlock):
			t.Errorf("Write: %v", err)
		default:
			refused += int64(len(b.Entries))
		}
	}
	return refused
}
