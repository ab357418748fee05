package shaping

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

func near(t *testing.T, what string, got, want, off float64) {
	t.Helper()
	if math.Abs(got-want) > off*want {
		t.Errorf("%s: %.4g, want %.4g within %.0f %%", what, got, want, 100*off)
	}
}

// idle is what one writer of entries by themselves does: each waits for those before it.
func idle(entry int) Contender {
	return Contender{Name: "one by one", MaxInFlight: 1, New: func() batch.Shaper {
		return batch.Fixed(batch.Limits{MaxBytes: entry, MaxWait: -1, InFlight: 1})
	}}
}

// erlang is the share of customers of an M/D/1 queue that wait for at most t, both in service times (Erlang, 1909).
func erlang(load, t float64) (share float64) {
	fact := 1.0
	for k := 0; float64(k) <= t; k++ {
		if k > 0 {
			fact *= float64(k)
		}
		x := load * (float64(k) - t)
		share += math.Pow(x, float64(k)) / fact * math.Exp(-x)
	}
	return (1 - load) * share
}

// simulate runs c at one of Levels of a capacity in bytes a second.
func simulate(r *Regime, level int, capacity float64, c Contender) Result {
	t := r.trace(level, capacity*levels[level].Load)
	return r.simulate(level, &t, c, nil)
}

// Entries sent one by one to a single worker are a queue of which the distribution of waits is known.
func TestSingleServerQueue(t *testing.T) {
	const load, service, runs = 0.7, 0.010, 30
	r := Regime{Destination: Destination{Fixed: 10 * time.Millisecond, Slots: 1, Ratio: 1}, Arrivals: Arrivals{EntryBytes: 100, Burst: 1}}
	var median, p99 float64
	for seed := range uint64(runs) {
		r.Seed = seed
		res := simulate(&r, 2, 100*load/service/0.6, idle(100))
		median += (res.P50.Seconds()/service - 1) / runs
		p99 += (res.P99.Seconds()/service - 1) / runs
		near(t, "goodput", res.Goodput, 100*load/service, 0.15)
	}
	near(t, "share that waits for the median", erlang(load, median), 0.5, 0.06)
	near(t, "share that waits for more than the 99th percentile", 1-erlang(load, p99), 0.01, 0.4)
}

// Under overload, in flight over round trip is what gets through below the knee, and slots over service beyond it.
func TestGoodputByLittlesLaw(t *testing.T) {
	d := Destination{RTT: 90 * time.Millisecond, Fixed: 5 * time.Millisecond, PerByte: 50, Slots: 4, Ratio: 1}
	r := Regime{Destination: d, Arrivals: Arrivals{EntryBytes: 100, Burst: 10}}
	const size = 100_000 // 5 ms of bytes
	for _, c := range []struct{ n, want float64 }{{1, 1 / 0.1}, {8, 8 / 0.1}, {32, 32 / 0.1}, {60, 40 / 0.1}} {
		s := Setting{size, time.Millisecond, int(c.n)}
		res := simulate(&r, overload, 100e6, s.Contender())
		near(t, s.String(), res.Goodput, size*c.want, 0.02)
	}
}

func TestDestinationLimits(t *testing.T) {
	plain := Destination{RTT: 10 * time.Millisecond, Fixed: time.Millisecond, PerByte: 10, Slots: 8, Ratio: 0.5}
	with := func(change func(*Destination)) *service {
		d := plain
		change(&d)
		return newService(d, rand.New(rand.NewPCG(1, 1)))
	}
	at := func(ms float64) time.Duration { return time.Duration(ms * 1e6) }
	tests := []struct {
		name string
		s    *service
		now  time.Duration
		n    int
		want answer
	}{
		{"plain", with(func(*Destination) {}), 0, 1, answer{at(10 + 1 + 0.5), batch.Delivered, 0}},
		{"path", with(func(d *Destination) { d.Bandwidth = 1e6 }), 0, 1, answer{at(50 + 10 + 1 + 0.5), batch.Delivered, 0}},
		{"collapse", with(func(d *Destination) { d.Collapse = 1 }), 0, 16, answer{at(10 + 2*1.5), batch.Delivered, 0}},
		{"too large", with(func(d *Destination) { d.MaxWire = 49_999 }), 0, 1, answer{at(10), batch.TooLarge, 0}},
		{"above the burst", with(func(d *Destination) { d.Rate, d.Burst, d.Told = 1e6, 99_999, time.Second }), time.Hour, 1,
			answer{time.Hour + at(10), batch.Throttled, time.Second}},
		{"refused", with(func(d *Destination) { d.Outages = []Outage{{0, time.Second, false}} }), at(5), 1, answer{at(15), batch.Failed, 0}},
		{"cut off", with(func(d *Destination) { d.Outages = []Outage{{at(4), time.Second, false}} }), 0, 1, answer{at(14), batch.Failed, 0}},
		{"hangs", with(func(d *Destination) { d.Outages = []Outage{{0, time.Second, true}} }), at(5), 1, answer{at(5 + 3000), batch.Failed, 0}},
		{"late", with(func(d *Destination) { d.Fixed = time.Minute }), 0, 1, answer{at(3000), batch.Failed, 0}},
		{"moved", with(func(d *Destination) { d.Moves = []Move{{at(1), 1, 3}} }), at(1), 1, answer{at(1 + 10 + 4.5), batch.Delivered, 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.s.request(test.now, 100_000, test.n, 3*time.Second); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// The bucket lets through what it is filled with, and what it held at first.
func TestRateIsKept(t *testing.T) {
	d := Destination{Fixed: time.Millisecond, Slots: 8, Ratio: 1, Rate: 1e6, Burst: 300_000}
	s := newService(d, rand.New(rand.NewPCG(1, 1)))
	var accepted int
	for now := time.Duration(0); now < 10*time.Second; now += 3 * time.Millisecond {
		if s.request(now, 10_000, 1, time.Second).class == batch.Delivered {
			accepted += 10_000
		}
	}
	near(t, "accepted", float64(accepted), 10e6+300_000, 0.01)
}

// Whatever happens, each byte that was admitted is delivered, in a job or in the queue, and none is delivered twice.
func TestNothingIsLostOrTwice(t *testing.T) {
	for _, regime := range Training(len(troubles)) {
		for level, l := range levels {
			tr := regime.trace(level, 4e6*l.Load)
			r := regime.route(level, &tr, Setting{512 << 10, 20 * time.Millisecond, 8}.Contender())
			for at := time.Duration(0); at < WarmUp+Measured; at += 1700 * time.Millisecond {
				r.run(at)
				conserved(t, &regime, r)
			}
		}
	}
}

func conserved(t *testing.T, regime *Regime, r *route) {
	t.Helper()
	var held int64
	for _, j := range append(r.writing, r.parked...) {
		held += j.to - j.from
	}
	if held != r.held {
		t.Fatalf("%s: %d bytes in jobs, counted %d", regime.Kind, held, r.held)
	}
	if got := r.score.all + held + r.queued(); got != r.trace.start(r.next) {
		t.Fatalf("%s at %v: %d bytes delivered or held of %d admitted", regime.Kind, r.now, got, r.trace.start(r.next))
	}
	if held+r.queued() > budget && len(r.writing)+len(r.parked) > 1 {
		t.Fatalf("%s: %d bytes held, more than the budget", regime.Kind, held+r.queued())
	}
}

func TestRunsRepeat(t *testing.T) {
	for i := range 11 {
		run := func() Result { return simulate(&Training(11)[i], 3, 3e6, Vector()) }
		if a, b := run(), run(); !reflect.DeepEqual(a, b) {
			t.Errorf("%d: %+v and %+v", i, a, b)
		}
	}
}

func TestGridHasTheColumns(t *testing.T) {
	found := map[Setting]bool{}
	for _, s := range Grid() {
		found[s] = true
	}
	for _, s := range []Setting{Default, Promtail, {1 << 20, 20 * time.Millisecond, 32}} {
		if !found[s] {
			t.Errorf("%v is not in the grid", s)
		}
	}
}

func TestBuckets(t *testing.T) {
	var s score
	for _, d := range []time.Duration{1, 999, 5 * time.Microsecond, 3*time.Millisecond + 7, time.Second, 10 * time.Minute} {
		s = score{}
		s.latencies[bucket(d)] = 5
		near(t, d.String(), float64(s.percentile(0.99)), float64(d), 0.01)
	}
}

// A rate that swings keeps its mean, and entries are whole.
func TestTraces(t *testing.T) {
	for _, a := range []Arrivals{{200, 1, 0, 0}, {200, 12, 0.8, time.Second}, {1000, 3, 0.5, 100 * time.Millisecond}} {
		for _, rate := range []float64{20e3, 1e6, 50e6} {
			tr := a.draw(rand.New(rand.NewPCG(1, 2)), rate, 100*time.Second)
			last := tr.end[len(tr.end)-1]
			near(t, "rate", float64(last)/100, rate, 0.1)
			if last%int64(a.EntryBytes) != 0 {
				t.Errorf("%d bytes are not whole entries of %d", last, a.EntryBytes)
			}
		}
	}
}
