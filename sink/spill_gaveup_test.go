package sink_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// Where the Retry gives up all that the last Write was told to wait for, what is behind that in the same batch is still
// in front of what comes later.
func TestSpillGivesUpInOrder(t *testing.T) {
	var mu sync.Mutex
	var got []string
	to := sink.Func(func(_ context.Context, b *batch.Batch) error {
		mu.Lock()
		defer mu.Unlock()
		p := &sink.PartialError{}
		for i := range b.Entries {
			if line := string(b.Entries[i].Line); line == "000" {
				p.Failures = append(p.Failures, sink.Failure{Index: i, Err: sink.RetryAfter(errors.New("429"), time.Millisecond)})
			} else {
				got = append(got, line)
			}
		}
		if len(p.Failures) == 0 {
			return nil
		}
		return p
	})
	cfg := sink.SpillConfig{Dir: filepath.Join(t.TempDir(), "q"), Shaper: most(6)} // two lines a Write
	s, err := sink.Spill(sink.Retry(to, sink.RetryConfig{Tries: 1, Min: 10 * time.Millisecond}), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), newSupervisor(t)); err != nil {
		t.Fatal(err)
	}
	const lines = 200
	for lo := 0; lo < lines; lo += 20 {
		b := batch.New(nil, batch.MustLabels("app", "shop"))
		for i := lo; i < lo+20; i++ {
			b.Append(base, fmt.Appendf(nil, "%03d", i))
		}
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.Drain(soon(t)), s.Close(soon(t))); err != nil {
		t.Fatal(err)
	}
	for i, line := range got {
		if line != fmt.Sprintf("%03d", i+1) {
			t.Fatalf("%q is number %d", line, i)
		}
	}
	if st := s.Stats(); len(got) != lines-1 || st.Delivered != lines-1 || st.Refused != 1 {
		t.Errorf("%d lines: %+v", len(got), st)
	}
}
