package tail

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestPause(t *testing.T) {
	for idle, want := range map[time.Duration]time.Duration{
		-time.Second: 250 * time.Millisecond, 0: 250 * time.Millisecond, time.Second: 250 * time.Millisecond,
		4 * time.Second: time.Second, 19 * time.Second: 4750 * time.Millisecond, 20 * time.Second: 5 * time.Second, time.Hour: 5 * time.Second,
	} {
		if got := pause(idle, 250*time.Millisecond, 5*time.Second); got != want {
			t.Errorf("after %v: %v, want %v", idle, got, want)
		}
	}
}

// TestIdleBackoff counts the looks at a file that falls asleep.
func TestIdleBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := prepare(Config{Paths: []string{"/nowhere/at/all"}})
		if err != nil {
			t.Fatal(err)
		}
		s := &scanner{plan: p, files: map[*file]struct{}{}}
		f := &file{place: -1, changed: time.Now()}
		s.files[f] = struct{}{}
		s.appoint(f, time.Now())
		looks := map[int]int{} // by minute
		for begin := time.Now(); time.Since(begin) < 10*time.Minute; {
			due, ok := s.agenda.next()
			if !ok {
				t.Fatal("no appointment")
			}
			time.Sleep(time.Until(due))
			if s.agenda.pop(time.Now()) != f {
				t.Fatal("not due when it should be")
			}
			looks[int(time.Since(begin)/time.Minute)]++
			s.appoint(f, time.Now())
		}
		if looks[0] < 20 || looks[0] > 30 || looks[5] < 6 || looks[5] > 7 {
			t.Errorf("%d looks in the first minute, %d in the sixth, want about 25 and 6", looks[0], looks[5])
		}
		// An event makes it busy again, but not more often than hintGap.
		f.looked = time.Now()
		s.hasten(f, time.Now())
		if due, _ := s.agenda.next(); time.Until(due) != hintGap {
			t.Errorf("due in %v, want %v", time.Until(due), hintGap)
		}
		time.Sleep(77 * time.Millisecond)
		s.hasten(f, time.Now())
		if due, _ := s.agenda.next(); time.Until(due) > 0 {
			t.Errorf("due in %v, want at once", time.Until(due))
		}
	})
}

func TestAligned(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	base := time.Now()
	instants := map[time.Time]bool{}
	for range 1000 {
		now := base.Add(time.Duration(rnd.Int64N(int64(10 * time.Second))))
		for _, wait := range []time.Duration{time.Millisecond, 700 * time.Millisecond, 10 * time.Second} {
			at := aligned(now, wait)
			if late, early := at.After(now.Add(wait)), at.Before(now.Add(wait-wait/8)); late || early {
				t.Fatalf("%v from %v is %v", wait, now, at)
			}
			if wait == 10*time.Second {
				instants[at] = true
			}
		}
	}
	if len(instants) > 11 {
		t.Errorf("%d instants in 10 seconds", len(instants))
	}
}

func TestScheduleOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 3))
	var s schedule
	base := time.Unix(0, 0)
	files := make([]*file, 50)
	for i := range files {
		files[i] = &file{place: -1, stream: fmt.Sprint(i)}
	}
	model := map[*file]time.Time{}
	for range 20_000 {
		f, at := files[rnd.IntN(len(files))], base.Add(time.Duration(rnd.IntN(1000)))
		switch rnd.IntN(4) {
		case 0:
			s.set(f, at)
			model[f] = at
		case 1:
			s.hasten(f, at)
			if old, ok := model[f]; !ok || at.Before(old) {
				model[f] = at
			}
		case 2:
			s.remove(f)
			delete(model, f)
		case 3:
			got := s.pop(at)
			var due []time.Time
			for _, d := range model {
				due = append(due, d)
			}
			slices.SortFunc(due, time.Time.Compare)
			if len(due) == 0 || due[0].After(at) {
				if got != nil {
					t.Fatalf("popped %s, but nothing is due", got.stream)
				}
				continue
			}
			if got == nil || !model[got].Equal(due[0]) {
				t.Fatalf("popped %v, want one due at %v", got, due[0])
			}
			delete(model, got)
		}
	}
}
