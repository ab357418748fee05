package sink_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A doorman lets each entry in or not, as says tells; if one of a stream is not, the others of it behind that are not
// either. A batch of one stream it answers as a whole if it can. It complains of what is out of order.
type doorman struct {
	t         *testing.T
	perStream bool
	says      func(stream string) error

	mu   sync.Mutex
	in   map[string]int // entries, by stream
	next map[string]int // the number that the next of them has at least
}

func (d *doorman) PerStream() bool { return d.perStream }

func (d *doorman) Write(_ context.Context, b *batch.Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := &sink.PartialError{}
	kept := map[string]error{}
	for i := range b.Entries {
		stream := b.LabelsOf(i).Get("stream")
		err := kept[stream]
		if err == nil {
			err = d.says(stream)
		}
		if err != nil {
			kept[stream] = err
			p.Failures = append(p.Failures, sink.Failure{Index: i, Err: err})
			continue
		}
		n, err := strconv.Atoi(string(b.Entries[i].Line[:8]))
		if err != nil || n < d.next[stream] {
			d.t.Errorf("%s: %q, want %d or more", stream, b.Entries[i].Line[:8], d.next[stream])
		}
		d.next[stream] = n + 1
		d.in[stream]++
	}
	switch {
	case len(p.Failures) == 0:
		return nil
	case d.perStream && len(p.Failures) == len(b.Entries):
		return p.Failures[0].Err
	}
	return p
}

func (d *doorman) Close(context.Context) error { return nil }

func (d *doorman) letIn(stream string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.in[stream]
}

// startDoorman starts a queue before one.
func startDoorman(t *testing.T, d *doorman, cfg sink.SpillConfig) *sink.Spiller {
	t.Helper()
	d.t, d.in, d.next = t, map[string]int{}, map[string]int{}
	cfg.Dir = filepath.Join(t.TempDir(), "q")
	s, err := sink.Spill(sink.Retry(d, sink.RetryConfig{Min: time.Millisecond, Max: 5 * time.Millisecond}), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Poison()
	sup := newSupervisor(t)
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := errors.Join(s.Close(ctx), sup.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	return s
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// A sequence numbers the lines of streams.
type sequence map[string]int

// put appends the next line of a stream, of so many bytes, to b.
func (q sequence) put(b *batch.Batch, stream string, bytes int) {
	b.Append(base, fmt.Appendf(nil, "%08d %0*d", q[stream], bytes-9, 0))
	b.Entries[len(b.Entries)-1].Labels = batch.MustLabels("stream", stream)
	q[stream]++
}

// While streams are told to wait, more of them than there are Writes, the others get ahead of them by far more than is
// kept in memory; and all arrive in order at last.
func TestSpillAStreamWaitsAlone(t *testing.T) {
	const streams, waiting, rounds, each = 20, 4, 36, 32
	for _, perStream := range []bool{false, true} {
		for _, inFlight := range []int{1, 3} {
			t.Run(fmt.Sprintf("per stream=%v/in flight=%d", perStream, inFlight), func(t *testing.T) {
				open := make(chan struct{})
				d := &doorman{perStream: perStream, says: func(stream string) error {
					select {
					case <-open:
						return nil
					default:
					}
					if n, _ := strconv.Atoi(stream); n < waiting {
						return sink.RetryAfter(errors.New("429"), 20*time.Millisecond)
					}
					return nil
				}}
				s := startDoorman(t, d, sink.SpillConfig{MaxInFlight: inFlight})
				seq := sequence{}
				for range rounds {
					b := batch.New(nil, batch.Labels{})
					for i := range streams {
						size := 1 << 10
						if i < waiting {
							size = 100
						}
						for range each {
							seq.put(b, fmt.Sprint(i), size)
						}
					}
					if err := s.Write(t.Context(), b); err != nil {
						t.Fatal(err)
					}
				}
				until(t, "the others", func() bool {
					for i := waiting; i < streams; i++ {
						if d.letIn(fmt.Sprint(i)) < seq[fmt.Sprint(i)] {
							return false
						}
					}
					return true
				})
				until(t, "the account of who waits", func() bool {
					return s.Stats().Waiting == int64(waiting*seq["0"])
				})
				for i := range waiting {
					if n := d.letIn(fmt.Sprint(i)); n > 0 {
						t.Errorf("%d of stream %d are let in", n, i)
					}
				}
				close(open)
				if err := s.Drain(soon(t)); err != nil {
					t.Fatal(err)
				}
				for stream, n := range seq {
					if got := d.letIn(stream); got != n {
						t.Errorf("%d of stream %s, want %d", got, stream, n)
					}
				}
				if st := s.Stats(); st.Waiting != 0 || st.Entries != 0 || st.Delivered != int64(streams*rounds*each) {
					t.Errorf("at the end: %+v", st)
				}
			})
		}
	}
}

// Close does not wait for a stream that is told to, once the others are delivered.
func TestSpillCloseLeavesWhatWaits(t *testing.T) {
	d := &doorman{says: func(stream string) error {
		if stream == "slow" {
			return sink.RetryAfter(errors.New("429"), time.Hour)
		}
		return nil
	}}
	s := startDoorman(t, d, sink.SpillConfig{CloseTimeout: time.Hour})
	seq := sequence{}
	for range 50 {
		b := batch.New(nil, batch.Labels{})
		seq.put(b, "slow", 100)
		seq.put(b, "fast", 100)
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(soon(t)); err != nil {
		t.Error(err)
	}
	if d.letIn("fast") != 50 || d.letIn("slow") != 0 {
		t.Errorf("%v, want all of the fast", d.in)
	}
}

// What is kept of a stream that waits is bounded: then all wait, on the disk.
func TestSpillWaitingIsBounded(t *testing.T) {
	var open sync.Mutex
	waits := true
	d := &doorman{perStream: true, says: func(stream string) error {
		open.Lock()
		defer open.Unlock()
		if stream == "slow" && waits {
			return sink.RetryAfter(errors.New("429"), 5*time.Millisecond)
		}
		return nil
	}}
	s := startDoorman(t, d, sink.SpillConfig{})
	seq := sequence{}
	before := heap()
	for range 24 {
		b := batch.New(nil, batch.Labels{})
		for range 1 << 10 {
			seq.put(b, "slow", 700)
		}
		for range 300 {
			seq.put(b, "fast", 1000)
		}
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	size := int64(0)
	until(t, "a standstill", func() bool { // waiting grows until there is no room
		was := size
		size = s.Stats().Waiting * 700
		return size > 3<<20 && size == was
	})
	grown := heap() - before
	t.Logf("%d MiB queued, %d KiB wait, the heap grew by %d KiB", s.Stats().Bytes>>20, size>>10, grown>>10)
	if size > 12<<20 || grown > 40<<20 || d.letIn("fast") == seq["fast"] {
		t.Errorf("%d bytes wait, the heap grew by %d", size, grown)
	}
	open.Lock()
	waits = false
	open.Unlock()
	if err := s.Drain(soon(t)); err != nil {
		t.Fatal(err)
	}
	if d.letIn("slow") != seq["slow"] || d.letIn("fast") != seq["fast"] {
		t.Errorf("%v, want %v", d.in, seq)
	}
}

// Whatever a destination says of whom, each entry is let in once and in order, or refused, and the account closes.
func TestSpillWaitsAtRandom(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			d := &doorman{perStream: seed%2 == 0}
			d.says = func(string) error { // with the doorman's lock
				switch rnd.IntN(600) {
				case 0, 1, 2:
					return sink.RetryAfter(errors.New("429"), time.Duration(rnd.IntN(20))*time.Millisecond)
				case 3:
					return errDown
				case 4:
					return sink.Throttled(errors.New("all of you"), time.Millisecond)
				case 5:
					return sink.TooLarge(errors.New("413"))
				case 6:
					return sink.Permanent(errors.New("never"))
				}
				return nil
			}
			s := startDoorman(t, d, sink.SpillConfig{MaxInFlight: 1 + rnd.IntN(5)})
			writes := rand.New(rand.NewPCG(seed, 8))
			seq, total := sequence{}, 0
			for range 120 {
				b := batch.New(nil, batch.Labels{})
				for range 1 + writes.IntN(60) {
					seq.put(b, fmt.Sprint(writes.IntN(8)), 10+writes.IntN(1500))
					total++
				}
				if err := s.Write(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Drain(soon(t)); err != nil {
				t.Fatalf("%v; %+v", err, s.Stats())
			}
			st, in := s.Stats(), 0
			for _, n := range d.in {
				in += n
			}
			if st.Delivered+st.Refused != int64(total) || st.Delivered != int64(in) || st.Waiting != 0 || st.Entries != 0 {
				t.Errorf("%d entries, %d of them let in: %+v", total, in, st)
			}
		})
	}
}
