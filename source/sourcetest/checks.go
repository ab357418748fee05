package sourcetest

import "slices"

// checks are the subtests of Run.
var checks = []check{
	{"delivers every line in order", false, (*trial).deliversInOrder},
	{"leaves alone what it has sent", false, (*trial).leavesAlone},
	{"resumes after a loss", true, (*trial).resumesAfterLoss},
	{"resumes when all is lost", true, (*trial).resumesFromNothing},
	{"resumes after a restart", true, (*trial).resumesAfterRestart},
	{"resumes after another run", true, (*trial).resumesAfterRun},
	{"stops while it waits for input", false, (*trial).stopsIdle},
	{"stops while it waits for room", false, (*trial).stopsBlocked},
	{"stops before it has begun", false, (*trial).stopsAtOnce},
}

func (t *trial) deliversInOrder() {
	if !t.feed.Volatile {
		t.write(10) // what is there already
	}
	t.start()
	t.rounds()
	t.delivered()
	t.sequence(t.arrived(), 0)
}

// sequence checks that got is all lines from the given one on, in order.
func (t *trial) sequence(got []int, from int) {
	t.Helper()
	for k, i := range got {
		want := from + k
		switch {
		case i == want:
			continue
		case slices.Contains(got[:k], i):
			t.Errorf("line %d arrived twice, the second time where line %d was due", i, want)
		case slices.Contains(got[k:], want):
			t.Errorf("out of order: line %d arrived before line %d", i, want)
		default:
			t.Errorf("line %d was skipped: after it should have come, line %d arrived", want, i)
		}
		return
	}
	if want := len(t.written); from+len(got) != want {
		t.Errorf("lines %d to %d arrived; %d were written", from, from+len(got)-1, want)
	}
}

func (t *trial) leavesAlone() {
	t.start()
	t.r.Hold()
	t.rounds()
	t.r.Release()
	t.delivered() // the session reports what was found
}

// full returns the held parcels that hold lines.
func (t *trial) full() []*Parcel {
	t.Helper()
	held := slices.DeleteFunc(t.r.Held(), func(p *Parcel) bool { return len(p.Entries) == 0 })
	if len(held) == 0 {
		t.Fatalf("nothing is in flight; %s", t.state())
	}
	return held
}

// resumed checks that what arrived after the first n parcels is all from the
// given line on, the first that was not acknowledged.
func (t *trial) resumed(n, from int) {
	t.Helper()
	got := t.numbers(t.r.Arrived()[n:])
	switch {
	case len(got) > 0 && got[0] > from:
		t.Errorf("lost: lines %d to %d were not acknowledged, but it went on with line %d", from, got[0]-1, got[0])
	case len(got) > 0 && got[0] < from:
		t.Errorf("sent again: all before line %d was acknowledged, but it went on with line %d", from, got[0])
	default:
		t.sequence(got, from)
	}
}

func (t *trial) resumesAfterLoss() {
	t.start()
	t.r.Hold()
	t.rounds()
	held := t.full()
	mid := len(held) / 2
	acknowledged := len(lines(held[:mid]))
	n := len(t.r.Arrived())
	for _, p := range held[mid+1:] {
		p.Deliver() // later than the gap: it does not count
	}
	held[mid].Lose(nil)
	for _, p := range held[:mid] {
		p.Deliver()
	}
	t.r.Release()
	t.write(10) // with these the source finds out
	t.last(n)
	t.resumed(n, acknowledged)
}

func (t *trial) resumesFromNothing() {
	t.start()
	t.r.Hold()
	for range 3 {
		n := t.another()
		t.resumed(n, 0)
		for _, p := range t.r.Held() {
			p.Lose(nil)
		}
	}
	t.r.Release()
	t.resumed(t.another(), 0)
}

// another writes some lines and waits for the last of them. It returns how many
// parcels there were before.
func (t *trial) another() (n int) {
	t.Helper()
	n = len(t.r.Arrived())
	t.write(10)
	t.last(n)
	return n
}

func (t *trial) resumesAfterRestart() {
	t.start()
	t.r.Hold()
	t.rounds()
	held := t.full()
	mid := len(held) / 2
	acknowledged := len(lines(held[:mid]))
	for _, p := range held[:mid] {
		p.Deliver()
	}
	t.restart()
	t.last(0)
	t.resumed(0, acknowledged)

	t.restart() // with everything acknowledged
	all := len(t.written)
	t.resumed(t.another(), all)
}

// restart stops as a program does, which loses what is in flight, and begins
// anew.
func (t *trial) restart() {
	t.Helper()
	if err := t.s.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, p := range t.r.Held() {
		p.Lose(nil)
	}
	t.start()
}

func (t *trial) resumesAfterRun() {
	t.start()
	for range 3 {
		t.rounds()
		t.delivered()
		t.interrupt("while it waited for input")
		t.write(10)
		t.s.Again(t.src)
	}
	t.delivered()
	t.sequence(t.arrived(), 0)
}

// interrupt ends the ctx of Run, which must return.
func (t *trial) interrupt(when string) {
	t.Helper()
	if !t.s.Interrupt() {
		t.Fatalf("Run, or a helper, has not returned %v after its ctx ended %s", t.patience, when)
	}
}

func (t *trial) stopsIdle() {
	t.start()
	t.rounds()
	t.delivered()
	t.interrupt("while it waited for input")
}

func (t *trial) stopsBlocked() {
	t.start()
	t.r.Hold()
	t.r.SetRoom(1)
	t.write(10)
	t.await(func() bool { return len(t.r.Held()) == 1 }, "a batch")
	t.write(10)
	t.await(func() bool { return t.r.Waiting() > 0 }, "a Send that waits for room")
	t.interrupt("while its Send waited for room")
	t.r.SetRoom(0)
	t.r.Release()
	if t.feed.Volatile {
		return
	}
	t.s.Again(t.src)
	t.delivered()
	t.sequence(t.arrived(), 0)
}

func (t *trial) stopsAtOnce() {
	if !t.feed.Volatile {
		t.write(10)
	}
	t.start()
	t.interrupt("before it had begun")
}
