package batch

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Under overload the window settles where the workers are, whether it began with too few or too many, through jitter,
// and follows when their number changes.
func TestAdaptiveFindsTheKnee(t *testing.T) {
	for _, c := range []struct {
		name         string
		workers      int
		then         int
		rtt          time.Duration
		least, most  int // of the window in the end, a tenth of the time excepted
		sigmaPercent int
	}{
		{"one", 1, 1, 0, 1, 2, 10},
		{"four", 4, 4, 2 * time.Millisecond, 4, 9, 30},
		{"far away", 4, 4, 60 * time.Millisecond, 12, 32, 30},
		{"many", 24, 24, 0, 18, 32, 20},
		{"fewer then", 20, 5, time.Millisecond, 4, 10, 20},
		{"more then", 3, 18, time.Millisecond, 14, 32, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := crowd(c.workers, c.then, c.rtt, float64(c.sigmaPercent)/100)
			inside := 0
			for _, n := range seen {
				if n >= c.least && n <= c.most {
					inside++
				}
			}
			if float64(inside) < 0.9*float64(len(seen)) {
				t.Errorf("outside of %d to %d too often: %d", c.least, c.most, seen)
			}
		})
	}
}

// crowd keeps an Adaptive under overload for 60 s, half of them with so many workers and half with others, and returns
// the window of each of the last 15.
func crowd(workers, then int, rtt time.Duration, sigma float64) (seen []int) {
	r := rand.New(rand.NewPCG(3, uint64(workers)))
	a := NewAdaptive(AdaptiveConfig{})
	free := make([]time.Duration, workers)
	type write struct {
		began, ends time.Duration
		n, bytes    int
	}
	var flying []write
	var now time.Duration
	var begun int64
	for now < 60*time.Second {
		if now > 30*time.Second && len(free) != then {
			free = make([]time.Duration, then)
		}
		for {
			l := a.Limits(State{Now: start.Add(now), InFlight: len(flying), Backlog: 32 << 20, Begun: begun})
			if now > 45*time.Second && len(seen) < int((now-45*time.Second)/time.Second) {
				seen = append(seen, int(a.window.n))
			}
			if len(flying) >= l.InFlight {
				break
			}
			soonest := 0
			for i := range free {
				if free[i] < free[soonest] {
					soonest = i
				}
			}
			work := time.Duration(20e6 * max(0.2, 1+sigma*r.NormFloat64()))
			free[soonest] = max(free[soonest], now+rtt/2) + work
			flying = append(flying, write{now, free[soonest] + rtt/2, len(flying) + 1, l.MaxBytes})
			begun += int64(l.MaxBytes)
		}
		first := 0
		for i := range flying {
			if flying[i].ends < flying[first].ends {
				first = i
			}
		}
		w := flying[first]
		flying = append(flying[:first], flying[first+1:]...)
		now = max(now, w.ends)
		a.Observe(Outcome{Entries: 100, Bytes: w.bytes, InFlight: w.n, Took: now - w.began, Class: Delivered, Now: start.Add(now)})
	}
	return seen
}

// With nothing in flight an entry waits for 2 ms; with something, for a tenth of what a Write takes.
func TestAdaptiveLinger(t *testing.T) {
	d := drive()
	if wait := d.limits(0).MaxWait; wait != 2*time.Millisecond {
		t.Errorf("at first: %v", wait)
	}
	for range 50 {
		d.write(5000, 80*time.Millisecond, Delivered)
	}
	if idle, busy := d.limits(0).MaxWait, d.limits(1).MaxWait; idle != 2*time.Millisecond || busy < 7900*time.Microsecond || busy > 8100*time.Microsecond {
		t.Errorf("idle %v, busy %v", idle, busy)
	}
	for range 300 {
		d.write(5000, 8*time.Second, Delivered)
	}
	if busy := d.limits(1).MaxWait; busy != 200*time.Millisecond {
		t.Errorf("never longer than MaxWait: %v", busy)
	}
}

// A backlog is shared out among the Writes that may begin, down to what is worth a Write.
func TestAdaptiveSharesOut(t *testing.T) {
	a := NewAdaptive(AdaptiveConfig{})
	for i := range 200 { // 1 ms and 10 ns a byte
		size := 10_000 * (1 + i%10)
		a.Observe(Outcome{Entries: 10, Bytes: size, InFlight: 1, Took: time.Millisecond + time.Duration(10*size), Class: Delivered,
			Now: start.Add(time.Duration(i) * time.Second)})
	}
	now := start.Add(200 * time.Second)
	for _, c := range []struct{ backlog, inFlight, least, most int }{
		{800_000, 0, 100_000, 100_000},
		{800_000, 4, 200_000, 200_000},
		{40_000, 0, 95_000, 105_000},        // what 1 ms is worth
		{20_000_000, 7, 3_000_000, 3 << 20}, // 32 times that
	} {
		l := a.Limits(State{Now: now, InFlight: c.inFlight, Backlog: c.backlog})
		if most := min(c.most, 2<<20); l.MaxBytes < min(c.least, 2<<20) || l.MaxBytes > most {
			t.Errorf("%+v: %d bytes", c, l.MaxBytes)
		}
	}
}

func TestAdaptiveAllocatesNothing(t *testing.T) {
	a := NewAdaptive(AdaptiveConfig{})
	now := start
	if n := testing.AllocsPerRun(1000, func() {
		now = now.Add(time.Millisecond)
		a.Limits(State{Now: now, InFlight: 4, Backlog: 1 << 20, Begun: 5})
		a.Observe(Outcome{Entries: 10, Bytes: 1 << 20, InFlight: 8, Took: 20 * time.Millisecond, Now: now})
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAdaptiveLimits(b *testing.B) {
	a := NewAdaptive(AdaptiveConfig{})
	now := start
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Microsecond)
		a.Limits(State{Now: now, InFlight: 4, Backlog: 1 << 20, Begun: 5})
	}
}

func BenchmarkAdaptiveObserve(b *testing.B) {
	a := NewAdaptive(AdaptiveConfig{})
	now := start
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(10 * time.Millisecond)
		a.Observe(Outcome{Entries: 10, Bytes: 1 << 20, InFlight: 8, Took: 20 * time.Millisecond, Now: now})
	}
}

// A sink that takes next to no time is given batches that are worth the handling.
func TestAdaptiveIsNotBusyForNothing(t *testing.T) {
	a := NewAdaptive(AdaptiveConfig{})
	for i := range 200 { // 2 us and 0.1 ns a byte
		size := 10_000 * (1 + i%10)
		a.Observe(Outcome{Entries: 10, Bytes: size, InFlight: 1, Took: 2*time.Microsecond + time.Duration(size/10), Class: Delivered,
			Now: start.Add(time.Duration(i) * time.Second)})
	}
	l := a.Limits(State{Now: start.Add(200 * time.Second), Backlog: 300_000})
	if l.MaxBytes < 450_000 || l.MaxBytes > 550_000 {
		t.Errorf("a backlog of 300 KB goes out in batches of %d", l.MaxBytes)
	}
}
