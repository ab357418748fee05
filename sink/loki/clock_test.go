package loki

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// askAt has c give a time to an entry, seconds from start, at now, seconds from start as well.
func askAt(t *testing.T, c *clock, times Times, now, own float64) time.Time {
	t.Helper()
	times = times.withDefaults()
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	v := c.window(&times, at(now))
	s, err := c.next(&times, &v, at(own))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.of(at(own)); !v.holds(got) {
		t.Errorf("%v is not within %v", got, v)
	}
	return s.of(at(own))
}

// Times are given once, whatever the clock on the wall does.
func TestClockIsSetBack(t *testing.T) {
	times := Times{TooOld: Clamp, TooNew: Clamp}
	const hour, year = 3600, 365 * 86400
	for _, back := range []float64{0.001, 60, hour, 6 * 86400, year} {
		var c clock
		seen := map[time.Time]bool{}
		for _, now := range []float64{0, 1, 2, 2 - back, 3 - back, 3} {
			for _, own := range []float64{-2 * year, 2 * year} {
				for range 3 {
					at := askAt(t, &c, times, now, own)
					if seen[at] && now != 3 {
						t.Errorf("back by %vs: %v is given twice", back, at)
					}
					seen[at] = true
				}
			}
		}
	}
}

// What was too old is given half an hour to be sent, or half of a limit that is narrower than an hour.
func TestClampedTimesKeep(t *testing.T) {
	const day = 86400
	for _, c := range []struct {
		times Times
		want  float64 // seconds before now
	}{
		{Times{}, 7*day - 1800},
		{Times{MaxAge: 40 * time.Minute}, 1200},
		{Times{MaxBehind: 10 * time.Minute}, 7*day - 300},
	} {
		c.times.TooOld = Clamp
		if at := askAt(t, &clock{}, c.times, 0, -400*day); start.Sub(at).Seconds() != c.want {
			t.Errorf("%+v: %v before now, want %vs", c.times, start.Sub(at), c.want)
		}
	}
}

// setBack returns t as time.Now would have returned it, had the clock been set back at t and d passed since.
func setBack(t time.Time, d time.Duration) time.Time {
	// A Time's second word has the monotonic clock, if the Time has one.
	*(*int64)(unsafe.Add(unsafe.Pointer(&t), 8)) += int64(d)
	return t
}

// Entries are in order by the clock on the wall, which is what Loki sees, even if it was set back.
func TestOrderIsThatOfTheWall(t *testing.T) {
	for _, times := range []Times{{}, {TooOld: Clamp}} {
		f := newFake(t)
		s := newSink(t, f.URL, func(c *Config) { c.Times = times })
		now := time.Now()
		b := lines(start, "before", "after")
		b.Entries[0].Time, b.Entries[1].Time = now, setBack(now.Add(-30*time.Minute), time.Hour)
		if first := b.Entries[0].Time; !first.Before(b.Entries[1].Time) || first.UnixNano() < b.Entries[1].Time.UnixNano() {
			t.Fatal("the clock is not set back")
		}
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if got := f.lines(); !slices.Equal(got, []string{"after", "before"}) {
			t.Errorf("%+v: %q", times, got)
		}
	}
}

// What Clamp gives is within limits that are next to nothing, too.
func TestNarrowLimits(t *testing.T) {
	for _, times := range []Times{
		{MaxAge: 1, MaxAhead: time.Minute}, {MaxBehind: 1}, {MaxAge: time.Second, MaxBehind: time.Hour}, {MaxBehind: time.Second},
		{MaxAge: time.Second, MaxAhead: time.Second, MaxBehind: time.Second}, {MaxAge: 2, MaxAhead: time.Second, MaxBehind: 3},
	} {
		times.TooOld, times.TooNew = Clamp, Clamp
		var c clock
		for _, newest := range []float64{-1e6, -1, 0, 0.9} {
			c.newest = start.Add(time.Duration(newest * float64(time.Second)))
			for _, own := range []float64{-1e7, -2, 0, 1, 2, 1e7} {
				askAt(t, &c, times, 0, own)
			}
		}
	}
}

// A clamped time has half an hour left, however long ago the one before it was given.
func TestClampedTimeLasts(t *testing.T) {
	times := Times{TooOld: Clamp}
	var c clock
	var before time.Time
	for i := range 100 {
		now := float64(i * 599)
		at := askAt(t, &c, times, now, -1e8)
		wall := start.Add(time.Duration(now) * time.Second)
		if left := at.Sub(wall.Add(-defaultMaxAge)); left < clampMargin || left > clampMargin+time.Second {
			t.Fatalf("%v is left after %vs", left, now)
		}
		if !at.After(before) {
			t.Fatalf("%v after %v", at, before)
		}
		before = at
	}
}

func TestDistinctTimes(t *testing.T) {
	const ns = 1e-9
	for name, c := range map[string]struct{ own, sent []float64 }{
		"equal":           {[]float64{5, 5, 5, 6, 6}, []float64{5, 5 + ns, 5 + 2*ns, 6, 6 + ns}},
		"a nanosecond":    {[]float64{5, 5, 5, 5 + ns, 5 + 3*ns, 5 + 3*ns}, []float64{5, 5 + ns, 5 + 2*ns, 5 + 3*ns, 5 + 4*ns, 5 + 5*ns}},
		"out of order":    {[]float64{5, 5, 4, 4, 5, 5}, []float64{5, 5 + ns, 4, 4 + ns, 5 + 2*ns, 5 + 3*ns}},
		"between":         {[]float64{5, 9, 6, 6, 7, 9, 6}, []float64{5, 9, 6, 6 + ns, 7, 9 + ns, 6}},
		"in order at all": {[]float64{1, 2, 3}, []float64{1, 2, 3}},
	} {
		var k clock
		for i, own := range c.own {
			got := askAt(t, &k, Times{Distinct: true}, 0, own).Sub(start)
			if want := time.Duration(c.sent[i]*1e9 + 0.5); got != want {
				t.Errorf("%s: entry %d: %v, want %v", name, i, got, want)
			}
		}
	}
}

// lines makes a batch of equal times.
func lines(at time.Time, ls ...string) *batch.Batch {
	b := batch.New(nil, shop)
	for _, l := range ls {
		b.Append(at, []byte(l))
	}
	return b
}

// An answer is lost, and the entries are written again when their time still has a minute left, and when it has not.
func TestTimePassesBeforeRetry(t *testing.T) {
	for wait, stored := range map[time.Duration]int{29 * time.Minute: 1, 31 * time.Minute: 2} {
		for _, own := range []time.Duration{-8 * 24 * time.Hour, 35 * time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				k := newKeeper(t)
				s := bubbleSink(t, k.ServeHTTP, func(c *Config) { c.Times = Times{TooOld: Clamp, TooNew: Clamp} })
				b := lines(time.Now().Add(own), "a", "b")
				k.set(lostAnswer)
				if err := s.Write(t.Context(), b); classOf(err) != retry {
					t.Fatal(err)
				}
				time.Sleep(wait)
				k.set(none)
				if err := s.Write(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				// What was too new becomes acceptable in the end, but keeps the time it had.
				if own > 0 {
					stored = 1
				}
				if a, b := k.of("a"), k.of("b"); len(a) != stored || len(b) != stored {
					t.Errorf("%v after %v: stored %v and %v", own, wait, a, b)
				}
			})
		}
	}
}

// Loki is away for hours after it lost an answer; what was sent then is stored once, unless its time has run out.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper(t)
		s := bubbleSink(t, k.ServeHTTP, func(c *Config) { c.Times = Times{TooOld: Clamp, TooNew: Clamp, Distinct: true} })
		if err := s.Write(t.Context(), lines(time.Now(), "first")); err != nil {
			t.Fatal(err)
		}
		k.set(lostAnswer)
		b := lines(time.Now(), "late", "now", "now", "ahead")
		b.Entries[0].Time = time.Now().Add(-2 * time.Hour)
		b.Entries[3].Time = time.Now().Add(time.Hour)
		began := time.Now()
		time.AfterFunc(time.Second, func() { k.set(unavailable) })
		time.AfterFunc(5*time.Hour, func() { k.set(none) })
		if err := sink.Retry(s, sink.RetryConfig{}).Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) < 5*time.Hour {
			t.Error("there was no outage")
		}
		for line, want := range map[string]int{"first": 1, "late": 1, "now": 2, "ahead": 1} {
			if got := k.of(line); len(got) != want {
				t.Errorf("%s: stored %v", line, got)
			}
		}
	})
}

// Which entry is too far behind depends on what is delivered, and on what somebody else sends, as soon as Loki says so.
func TestStreamHasNewerEntries(t *testing.T) {
	for name, policy := range map[string]TimePolicy{"keep": Keep, "clamp": Clamp, "refuse": Refuse} {
		for _, known := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", newest known: ", known), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					k := newKeeper(t)
					s := bubbleSink(t, k.ServeHTTP, func(c *Config) { c.Times.TooOld = policy })
					if known {
						if err := s.Write(t.Context(), lines(time.Now(), "newest")); err != nil {
							t.Fatal(err)
						}
					} else {
						k.highest = time.Now()
					}
					requests := s.Stats().Requests
					b := lines(time.Now().Add(-time.Hour-time.Second), "a", "b")
					err := s.Write(t.Context(), b)
					if policy == Clamp {
						a, b := k.of("a"), k.of("b")
						if err != nil || len(a) != 1 || len(b) != 1 || !a[0].time.Before(b[0].time) || s.Stats().Clamped != 2 {
							t.Errorf("stored %v and %v, %+v: %v", a, b, s.Stats(), err)
						}
					} else if got := failedIndices(t, err, 2); classOf(errOf(err)) != permanent || len(got) != 2 {
						t.Errorf("%v: %v", got, err)
					}
					want := int64(1)
					if known && policy == Refuse {
						want = 0
					} else if !known && policy == Clamp {
						want = 2
					}
					if n := s.Stats().Requests - requests; n != want {
						t.Errorf("%d requests, want %d", n, want)
					}
					// What has been learnt need not be learnt again.
					if policy == Clamp {
						requests = s.Stats().Requests
						if err := s.Write(t.Context(), lines(b.Entries[0].Time, "c")); err != nil || s.Stats().Requests != requests+1 {
							t.Errorf("%v, %d requests", err, s.Stats().Requests-requests)
						}
					}
				})
			})
		}
	}
}

// errOf returns what became of the first entry that failed.
func errOf(err error) error {
	if p, ok := err.(*sink.PartialError); ok {
		return p.Failures[0].Err
	}
	return err
}

// A Loki that refuses every time, whatever it is given, is not asked for ever.
func TestTimesAreRefusedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper(t)
		k.ahead = -time.Hour
		k.age = time.Minute
		s := bubbleSink(t, k.ServeHTTP, func(c *Config) { c.Times = Times{TooOld: Clamp, TooNew: Clamp} })
		if err := s.Write(t.Context(), lines(time.Now(), "a", "b")); classOf(errOf(err)) != permanent {
			t.Error(err)
		}
		if n := s.Stats().Requests; n > 2+2*maxTold {
			t.Errorf("%d requests", n)
		}
	})
}

// No room for the attribute is a reason to fail, but not for the neighbours.
func TestNoRoomForOriginalTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper(t)
		s := bubbleSink(t, k.ServeHTTP, func(c *Config) { c.Times = Times{TooOld: Clamp} })
		b := lines(time.Now().Add(-8*24*time.Hour), "a", "many", "c", "large", "just")
		for i := range maxAttrs {
			b.Entries[1].Attrs = append(b.Entries[1].Attrs, batch.Attr{Key: fmt.Sprint("k", i), Value: "v"})
		}
		room := maxAttrsBytes - len(originalTime) - len(originalLayout) - len("k")
		b.Entries[3].Attrs = []batch.Attr{{Key: "k", Value: strings.Repeat("v", room+1)}}
		b.Entries[4].Attrs = []batch.Attr{{Key: "k", Value: strings.Repeat("v", room)}}
		err := s.Write(t.Context(), b)
		if got := failedIndices(t, err, 5); !slices.Equal(got, []int{1, 3}) || classOf(errOf(err)) != permanent {
			t.Errorf("failed %v: %v", got, err)
		}
	})
}

// Writes of one stream that overlap, as those of labels that do not name the stream, lose and repeat nothing.
func TestOverlappingWritesOfOneStream(t *testing.T) {
	trials(t, 3, func(t *testing.T, rnd *rand.Rand) {
		tr := newTrial(t, rnd, Times{TooOld: Clamp, TooNew: Clamp, Distinct: true}, func(c *Config) { c.StreamLabels = []string{"app"} })
		tr.pushed = func(pushedEntry) {}
		at := time.Now().Truncate(time.Second)
		// Otherwise the first that is delivered makes what was clamped before too old again.
		if err := sink.Retry(tr.sink, sink.RetryConfig{}).Write(t.Context(), lines(at, "newest")); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				l := batch.MustLabels("app", "shop", "pod", fmt.Sprint(w))
				for range 5 {
					b := batch.New(nil, l)
					for i := range 10 {
						b.Append(at.Add([]time.Duration{0, 0, -8 * 24 * time.Hour, 20 * time.Minute}[i%4]), []byte("the line"))
					}
					if err := sink.Retry(tr.sink, sink.RetryConfig{Max: time.Second}).Write(t.Context(), b); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if n := len(tr.of("the line")); n != 8*5*10 {
			t.Errorf("%d are stored", n)
		}
	})
}

// The default changes no time, remembers none, and allocates nothing to do so.
func TestDefaultKeepsNoTimes(t *testing.T) {
	s := newSink(t, "http://127.0.0.1:1")
	b := benchBatch()
	b.Entries = b.Entries[:1000]
	d := &delivery{sink: s, w: draft{b: b}}
	n := testing.AllocsPerRun(20, func() {
		d.w.b = b
		d.sort()
		if got := d.near(&d.parcels[0], d.parcels[0].idx); len(got) != 1000 || d.w.sent != nil {
			t.Fatalf("%d entries are near, times %v", len(got), d.w.sent)
		}
		d.reset()
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}
