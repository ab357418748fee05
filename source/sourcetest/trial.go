package sourcetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/source"
)

// A trial is one run of a check.
type trial struct {
	testing.TB
	feed     Feed
	patience time.Duration
	store    source.Checkpoints

	written []string
	index   map[string]int // of each line in written

	src source.Source
	r   *Receiver
	s   *Session
}

// start begins as a program does: with a new source and what is stored.
func (t *trial) start() {
	t.src = t.feed.New()
	t.r = new(Receiver)
	t.s = start(t.TB, t.src, t.r, t.store, t.patience)
}

// write appends n lines to the input.
func (t *trial) write(n int) {
	first := len(t.written)
	for i := first; i < first+n; i++ {
		line := sample(i)
		t.index[line] = i
		t.written = append(t.written, line)
	}
	t.feed.Write(t.written[first:]...)
}

// sample is the i-th line: text as it occurs, nothing that a format could not
// carry.
func sample(i int) string {
	switch i % 8 {
	case 1:
		return fmt.Sprintf(`%d {"level":"info","msg":"a \"quoted\" word\n"}`, i)
	case 2:
		return fmt.Sprintf("\t%d between blanks ", i)
	case 3:
		return fmt.Sprintf("%d grüße, 世界 🚢", i)
	case 5:
		return fmt.Sprintf("%d long %s", i, strings.Repeat("0123456789", 400))
	}
	return fmt.Sprintf("%d line", i)
}

// rounds writes lines in several goes, and waits after each until they have
// arrived, so that even a source that reads all there is sends more than one
// batch.
func (t *trial) rounds() {
	t.Helper()
	for range 5 {
		t.another()
	}
}

// last waits until the line written last is among what arrived after the first
// n parcels. A good source has nothing more to send then; of another, it shows
// what is missing sooner than counting would.
func (t *trial) last(n int) {
	t.Helper()
	last := len(t.written) - 1
	t.await(func() bool { return slices.Contains(t.numbers(t.r.Arrived()[n:]), last) }, "line %d, the last", last)
}

// delivered waits until the line written last is delivered.
func (t *trial) delivered() {
	t.Helper()
	last := len(t.written) - 1
	t.await(func() bool { return slices.Contains(t.numbers(t.r.Delivered()), last) }, "line %d, the last", last)
}

// arrived returns the numbers of the lines that have arrived, in that order.
func (t *trial) arrived() []int { return t.numbers(t.r.Arrived()) }

func (t *trial) numbers(parcels []*Parcel) []int {
	var all []int
	for _, line := range lines(parcels) {
		i, ok := t.index[line]
		if !ok {
			t.Helper()
			t.Fatalf("a line arrived that was never written: %.80q", line)
		}
		all = append(all, i)
	}
	return all
}

// await waits for cond. A source that comes to the end of its input meanwhile
// is run again, unless something is in flight that it would have to wait for.
func (t *trial) await(cond func() bool, what string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), t.patience)
	defer cancel()
	for {
		t.r.Wait(ctx, func() bool { return cond() || t.s.ended() })
		switch {
		case cond():
			return
		case ctx.Err() != nil:
			t.Fatalf("%v without %s; %s", t.patience, fmt.Sprintf(what, args...), t.state())
		case len(t.r.Held()) > 0:
			return // the rest comes when these are settled
		}
		time.Sleep(againAfter)
		t.s.Again(t.src)
	}
}

// againAfter keeps a source that returns at once from being run all the time.
const againAfter = 10 * time.Millisecond

// state says what is known when something does not come.
func (t *trial) state() string {
	s := fmt.Sprintf("of %d lines written, %d have arrived", len(t.written), len(t.arrived()))
	if f := t.s.Failures(); len(f) > 0 {
		s += fmt.Sprintf("; Run has failed %d times, the last time with: %v", len(f), f[len(f)-1])
	}
	return s
}
