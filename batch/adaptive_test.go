package batch

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestAdaptiveValidate(t *testing.T) {
	for _, c := range []struct {
		cfg  AdaptiveConfig
		want string
	}{
		{AdaptiveConfig{}, ""},
		{AdaptiveConfig{MaxBytes: 1, MaxWait: 1, MaxInFlight: 1, MaxEntries: 1}, ""},
		{AdaptiveConfig{MinWait: -1}, ""},
		{AdaptiveConfig{MinBytes: -1, MaxEntries: -1}, "MinBytes: is negative|MaxEntries: is negative"},
		{AdaptiveConfig{MaxBytes: -1, MaxWait: -1, MaxInFlight: -1}, "MaxBytes: is negative|MaxWait: is negative|MaxInFlight: is negative"},
		{AdaptiveConfig{MinBytes: 3 << 20}, "MinBytes: 3145728 is more than MaxBytes, 2097152"},
		{AdaptiveConfig{MinWait: time.Second}, "MinWait: 1s is more than MaxWait, 200ms"},
		{AdaptiveConfig{MaxInFlight: 1025}, "MaxInFlight: 1025 is more than 1024"},
	} {
		a := NewAdaptive(c.cfg)
		err := a.Validate()
		if c.want == "" {
			if err != nil {
				t.Errorf("%+v: %v", c.cfg, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%+v is valid, want %q", c.cfg, c.want)
			continue
		}
		for _, want := range strings.Split(c.want, "|") {
			if !strings.Contains(err.Error(), "batch: AdaptiveConfig."+want) {
				t.Errorf("%+v: %v, want %q", c.cfg, err, want)
			}
		}
		if l := a.Limits(State{Now: start}); l.MaxBytes < 1 || l.InFlight < 1 {
			t.Errorf("%+v: %+v", c.cfg, l)
		}
	}
}

var start = time.Unix(1_000_000_000, 0)

// within checks that l keeps to cfg, whatever has been observed.
func within(t *testing.T, cfg AdaptiveConfig, l Limits) {
	t.Helper()
	cfg = cfg.withDefaults()
	switch {
	case l.MaxBytes < 1, l.MaxBytes > cfg.MaxBytes, l.MaxEntries != cfg.MaxEntries,
		l.InFlight < 1, l.InFlight > cfg.MaxInFlight,
		l.MaxWait < min(cfg.MinWait, cfg.MaxWait), l.MaxWait > cfg.MaxWait,
		l.Pause < 0, l.Pause > time.Hour+1, l.Timeout < 0, l.Timeout > time.Hour:
		t.Fatalf("%+v: %+v", cfg, l)
	}
}

// Random outcomes at random times, nonsensical ones included, never lead to limits beyond what was configured; and when
// the destination is well again, all is well soon.
func TestAdaptiveKeepsItsBounds(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(1, seed))
		var cfg AdaptiveConfig
		if seed%2 == 1 {
			cfg = AdaptiveConfig{MaxBytes: 1 + r.IntN(1<<20), MaxInFlight: 1 + r.IntN(70), MaxWait: time.Duration(1 + r.IntN(1e9)), MinWait: time.Duration(-r.IntN(2))}
		}
		a := NewAdaptive(cfg)
		now := start
		var begun int64
		for range 2000 {
			switch r.IntN(40) {
			case 0:
				now = now.Add(-time.Hour)
			case 1:
				now = now.Add(time.Hour)
			default:
				now = now.Add(time.Duration(r.ExpFloat64() * 1e7))
			}
			st := State{Now: now, InFlight: r.IntN(100), Backlog: r.IntN(1 << 26), Oldest: time.Duration(r.IntN(1e9)), Begun: begun}
			within(t, cfg, a.Limits(st))
			begun += int64(r.IntN(1 << 20))
			a.Observe(Outcome{
				Entries: r.IntN(100), Bytes: r.IntN(1 << 21), InFlight: r.IntN(100), Took: time.Duration(r.ExpFloat64() * 1e8),
				Class: Class(r.IntN(6)), RetryAfter: time.Duration(max(0, r.NormFloat64()-1) * 1e9), Now: now,
			})
		}
		recovers(t, cfg, a, now, begun)
	}
}

// recovers writes one after the other, to a destination that takes them all.
func recovers(t *testing.T, cfg AdaptiveConfig, a *Adaptive, now time.Time, begun int64) {
	t.Helper()
	const size = 1000
	from, done, pauses := now, 0, 0
	for done < 100 {
		l := a.Limits(State{Now: now, Backlog: 1 << 20, Begun: begun})
		within(t, cfg, l)
		if l.Pause > 0 {
			if pauses++; pauses > 500 {
				t.Fatalf("pauses %d times for %d Writes, the last one for %v", pauses, done, l.Pause)
			}
			now = now.Add(l.Pause)
			continue
		}
		bytes := min(size, l.MaxBytes)
		begun += int64(bytes)
		now = now.Add(5 * time.Millisecond)
		a.Observe(Outcome{Entries: 2, Bytes: bytes, InFlight: 1, Took: 5 * time.Millisecond, Class: Delivered, Now: now})
		done++
	}
	if took := now.Sub(from); took > 2*time.Minute {
		t.Errorf("100 Writes took %v", took)
	}
	later := State{Now: now.Add(time.Hour), Begun: begun}
	a.Limits(later)
	if l := a.Limits(later); l.Pause > time.Microsecond || l.Timeout > 0 {
		t.Errorf("an hour later: %+v", l)
	}
}

func FuzzAdaptive(f *testing.F) {
	f.Add([]byte("delivered throttled"), int64(1e6), 100)
	f.Add([]byte{0, 4, 4, 4, 4, 4, 3, 2, 255}, int64(-1e12), -5)
	f.Add([]byte{1, 1, 1, 1, 129, 7, 0}, int64(math.MaxInt64), math.MaxInt)
	f.Add([]byte("0"), int64(-1e12), -83)
	f.Add([]byte("100"), int64(math.MaxInt64), math.MaxInt)
	f.Fuzz(func(t *testing.T, script []byte, step int64, n int) {
		a := NewAdaptive(AdaptiveConfig{})
		now := start
		for i, b := range script {
			now = now.Add(time.Duration(step) / time.Duration(i+1))
			within(t, AdaptiveConfig{}, a.Limits(State{Now: now, InFlight: n, Backlog: n * i, Begun: int64(n) * int64(i)}))
			a.Observe(Outcome{Entries: n, Bytes: n, InFlight: int(b >> 3), Took: time.Duration(step), Class: Class(b & 7), RetryAfter: time.Duration(step), Now: now})
		}
	})
}

// A driver asks an Adaptive as a route does that has one Write at a time.
type driver struct {
	*Adaptive
	now   time.Time
	begun int64
}

func drive() *driver { return &driver{Adaptive: NewAdaptive(AdaptiveConfig{}), now: start} }

func (d *driver) limits(inFlight int) Limits {
	return d.Limits(State{Now: d.now, InFlight: inFlight, Backlog: 4 << 20, Begun: d.begun})
}

// write has one Write of that size end after a time.
func (d *driver) write(bytes int, took time.Duration, c Class) {
	d.limits(0)
	d.begun += int64(bytes)
	d.limits(1)
	d.now = d.now.Add(took)
	d.Observe(Outcome{Entries: 10, Bytes: bytes, InFlight: 1, Took: took, Class: c, Now: d.now})
}

// rest waits for as long as no Write may begin, and returns for how long that was.
func (d *driver) rest() (waited time.Duration) {
	for {
		l := d.limits(0)
		if l.Pause == 0 {
			return waited
		}
		waited += l.Pause
		d.now = d.now.Add(l.Pause)
	}
}

func TestAdaptiveProbesWhenNobodyAnswers(t *testing.T) {
	d := drive()
	for range 20 {
		d.write(1<<20, 50*time.Millisecond, Delivered)
	}
	for range shuts {
		if l := d.limits(0); l.Pause > 0 || l.Timeout > 0 {
			t.Fatalf("after less than %d failures: %+v", shuts, l)
		}
		d.write(1<<20, time.Millisecond, Failed)
	}
	away := d.now
	var longest time.Duration
	probes := 0
	for d.now.Sub(away) < 10*time.Minute {
		longest = max(longest, d.rest())
		if l := d.limits(0); l.InFlight != 1 || l.MaxBytes > 64<<10 || l.Timeout < time.Second {
			t.Fatalf("a probe has %+v", l)
		}
		d.write(64<<10, time.Millisecond, Failed)
		probes++
	}
	if longest < 4*time.Second || longest > 6*time.Second || probes < 100 || probes > 250 {
		t.Errorf("%d probes in 10 minutes, with %v between them", probes, longest)
	}
	d.rest()
	d.write(64<<10, time.Millisecond, Throttled)
	if l := d.limits(0); l.Timeout != 0 {
		t.Errorf("it has answered, if not kindly: %+v", l)
	}
}

// In a short outage the destination is found again within an eighth of it.
func TestAdaptiveFindsItAgain(t *testing.T) {
	for _, outage := range []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second} {
		d := drive()
		d.write(1000, time.Millisecond, Delivered)
		back := d.now.Add(outage)
		for d.now.Before(back) {
			d.write(1000, time.Millisecond, Failed)
			d.rest()
		}
		if late := d.now.Sub(back); late > time.Duration(1.2*(share*float64(outage)+soonest*1e9)) {
			t.Errorf("after %v: %v late", outage, late)
		}
	}
}

func TestAdaptiveNoticesSilence(t *testing.T) {
	d := drive()
	for range 20 {
		d.write(100_000, 50*time.Millisecond, Delivered)
	}
	before := d.limits(0).InFlight
	began := d.now
	for range 3 { // which hang
		d.begun += 100_000
		d.limits(3)
	}
	d.now = began.Add(900 * time.Millisecond)
	if l := d.limits(3); l.Timeout != 0 {
		t.Fatalf("impatient: %+v", l)
	}
	d.now = began.Add(1100 * time.Millisecond)
	l := d.limits(3)
	if l.InFlight != 4 || l.MaxBytes > 64<<10 || l.Timeout != time.Second || l.Pause > 0 {
		t.Fatalf("want a probe beside what hangs: %+v", l)
	}
	d.begun += 50_000
	if l := d.limits(4); l.InFlight != 4 {
		t.Fatalf("a second probe: %+v", l)
	}
	d.now = d.now.Add(20 * time.Millisecond)
	d.Observe(Outcome{Entries: 10, Bytes: 50_000, InFlight: 4, Took: 20 * time.Millisecond, Class: Delivered, Now: d.now})
	if l := d.limits(3); l.InFlight != before+3 || l.Timeout != 0 {
		t.Errorf("what hangs takes up what may be in flight: %+v, %d before", l, before)
	}
	for range 3 { // they time out, which is no news
		d.now = began.Add(10 * time.Second)
		d.Observe(Outcome{Entries: 10, Bytes: 100_000, InFlight: 3, Took: 10 * time.Second, Class: Failed, Now: d.now})
	}
	if l := d.limits(0); l.InFlight != before || l.Pause > 0 || l.Timeout != 0 {
		t.Errorf("old failures count: %+v", l)
	}
}

func TestAdaptiveSize(t *testing.T) {
	const limit = 300_000
	d := drive()
	refused := 0
	for range 100 {
		size := d.limits(0).MaxBytes
		if size > limit {
			d.write(size, time.Millisecond, TooLarge)
			refused++
		} else {
			d.write(size, time.Millisecond, Delivered)
		}
	}
	if size := d.size.now; size > limit || size < limit*7/8 || refused > 6 {
		t.Errorf("found %d of %d, by %d refusals", size, limit, refused)
	}
	before := d.size.now
	d.Observe(Outcome{Entries: 1, Bytes: 10, InFlight: 1, Class: TooLarge, Now: d.now})
	if d.size.now != before {
		t.Errorf("a single entry made all batches small: %d", d.size.now)
	}
	d.now = d.now.Add(forgotten * time.Second)
	d.write(1000, time.Millisecond, Delivered)
	if d.size.now <= before {
		t.Error("a larger one is never tried again")
	}
}
