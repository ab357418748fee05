package pipeline

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
)

// slowed returns how many lines came through in the third minute after Writes have begun to take 8 s instead of 5 ms, and
// how many Writes were cut off.
func slowed(t *testing.T, s batch.Shaper) (lines int, cut int64) {
	out := &collector{single: true}
	var took, cuts atomic.Int64
	took.Store(int64(5 * time.Millisecond))
	out.fail = func(_ int, ctx context.Context, _ *batch.Batch) error {
		err := sleep(ctx, time.Duration(took.Load()))
		if err != nil {
			cuts.Add(1)
		}
		return err
	}
	e := mustStart(t, Config{
		Sources: streams(40, 1e6, 250*time.Millisecond),
		Routes:  []Route{{Sink: out, Shaper: s}},
	})
	time.Sleep(5 * time.Second)
	took.Store(int64(8 * time.Second))
	time.Sleep(2 * time.Minute)
	before := len(out.got())
	time.Sleep(time.Minute)
	lines = len(out.got()) - before
	cut = cuts.Load()
	took.Store(int64(time.Millisecond))
	if err := e.Close(within(t, time.Minute)); err != nil {
		t.Error(err)
	}
	closes(t, e.Stats())
	return lines, cut
}

// A destination that becomes a thousand times slower is slow, and not away: it is not asked with probes that are given
// less time than it takes.
func TestASlowDestinationIsNotAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fixed, _ := slowed(t, batch.Fixed(batch.Limits{}))
		ours, cut := slowed(t, batch.NewAdaptive(batch.AdaptiveConfig{}))
		t.Logf("%d lines, %d with a fixed setting; %d Writes cut off", ours, fixed, cut)
		if ours < fixed*3/4 || cut > 40 {
			t.Errorf("%d lines, %d with a fixed setting; %d Writes cut off", ours, fixed, cut)
		}
	})
}
