package pipeline

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

// A teamSink names a stream by the label team alone. The first Write of each fails.
type teamSink struct {
	t *testing.T

	mu      sync.Mutex
	writing map[string]bool
	failed  map[string]bool
	lines   map[string][]string // with the labels of each
}

func (*teamSink) PerStream() bool { return true }

func (*teamSink) StreamOf(l batch.Labels) batch.Labels {
	if l.Get("team") == "panics" {
		panic("no such team")
	}
	return batch.MustLabels("team", l.Get("team"))
}

func (s *teamSink) Write(_ context.Context, b *batch.Batch) error {
	team := b.LabelsOf(0).Get("team")
	s.mu.Lock()
	if s.writing[team] {
		s.t.Errorf("two Writes of team %s at once", team)
	}
	s.writing[team] = true
	s.mu.Unlock()
	time.Sleep(3 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing[team] = false
	if !s.failed[team] {
		s.failed[team] = true
		return fmt.Errorf("not yet")
	}
	for i := range b.Entries {
		l := b.LabelsOf(i)
		if l.Get("team") != team {
			s.t.Errorf("a batch of the teams %s and %s", team, l.Get("team"))
		}
		s.lines[team] = append(s.lines[team], l.Get("pod")+" "+string(b.Entries[i].Line))
	}
	return nil
}

func (*teamSink) Close(context.Context) error { return nil }

// Entries of one stream share batches, though their labels differ, never two of which are under way, and stay in order.
func TestStreamsNamedBySink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &teamSink{t: t, writing: map[string]bool{}, failed: map[string]bool{}, lines: map[string][]string{}}
		want := map[string][]string{}
		src := source.Func(func(ctx context.Context, out *source.Outlet) error {
			st, err := out.Open(ctx, "all", batch.Labels{})
			if err != nil {
				return err
			}
			for i := range 60 {
				b := st.NewBatch()
				for k := range 4 {
					team, pod := []string{"red", "blue", "panics"}[(i+k)%3], fmt.Sprint(i*k%5)
					if team == "panics" {
						pod = "0" // its own labels are its name then
					}
					line := fmt.Sprint(i, " ", k)
					b.Append(time.Now(), []byte(line))
					b.Entries[k].Labels = batch.MustLabels("team", team, "pod", pod)
					want[team] = append(want[team], pod+" "+line)
				}
				if err := st.Send(ctx, b, fmt.Sprint(i)); err != nil {
					return err
				}
				time.Sleep(time.Millisecond)
			}
			return nil
		})
		e := mustNew(t, Config{Sources: map[string]source.Source{"src": src}, Routes: []Route{{Sink: s}}})
		if err := e.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for team, lines := range want {
			if !slices.Equal(s.lines[team], lines) {
				t.Errorf("team %s: %q, want %q", team, s.lines[team], lines)
			}
		}
		if n := e.Stats().Sources["src"].Delivered; n != 240 {
			t.Errorf("%d entries delivered: %v", n, e.Stats())
		}
	})
}
