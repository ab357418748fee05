package container

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestDiscoverLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("running", "a")
		w.add("exited", "b")
		tr := explore(t, w, Config{Exclude: []Match{{Name: "secret"}}})
		if got := tr.take(true); got != "sync a,b; found a; found b" && got != "sync a,b; found b; found a" {
			t.Fatal(got)
		}
		w.create("c", "c")
		tr.want(t, "")
		w.start("c")
		tr.want(t, "started c")
		w.rename("c", "cc")
		tr.want(t, "renamed c")
		w.exit("c")
		tr.want(t, "ended c")
		w.remove("c")
		tr.want(t, "gone c")
		w.do(func() { // pause tells nothing new
			w.all["a"].state = "paused"
			w.tell("pause", "a")
			w.tell("exec_start: sh", "a")
		})
		tr.want(t, "")
		w.do(func() {
			w.all["a"].state = "running"
			w.tell("unpause", "a")
		})
		tr.want(t, "started a")
		time.Sleep(10 * time.Minute)
		tr.want(t, "")
		if lists, pings := tr.count("list"), tr.count("ping"); lists != 21 || pings != 1 {
			t.Errorf("%d lists and %d pings in 10 minutes, want 21 and 1", lists, pings)
		}
		if tr.log.Len() > 0 || fmt.Sprint(tr.up) != "[true]" {
			t.Errorf("up %v; logged %s", tr.up, tr.log)
		}
	})
}

// TestEventsBeforeList: a list is asked for when the event stream is open.
func TestEventsBeforeList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.unopened = true
		tr := explore(t, w, Config{})
		time.Sleep(openWait - 1)
		synctest.Wait()
		if n := tr.count("list"); n != 0 {
			t.Errorf("%d lists before the stream was open", n)
		}
		time.Sleep(2 * time.Nanosecond)
		synctest.Wait()
		if n := tr.count("list"); n != 1 {
			t.Errorf("%d lists, want one without waiting any longer", n)
		}
		w.open()
		synctest.Wait()
		if n := tr.count("list"); n != 2 {
			t.Errorf("%d lists, want another one when it opens", n)
		}
	})
}

// TestFirstList: the roster learns who is there before it is told what happened
// to them, a moment ago perhaps.
func TestFirstList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("exited", "a")
		w.start("a")
		w.slow = func() { time.Sleep(3 * time.Second) }
		tr := explore(t, w, Config{})
		time.Sleep(time.Second)
		w.create("b", "b")
		w.start("b")
		if got := tr.take(true); got != "" {
			t.Errorf("told %q before the first list", got)
		}
		time.Sleep(2 * time.Second)
		if got := tr.take(true); got != "sync a; found a; started a; started b" {
			t.Errorf("got %q", got)
		}
		if tr.book.version != (apiVersion{1, 45}) {
			t.Errorf("version %v", tr.book.version)
		}
	})
}

// TestOpensLate: what happened between a list and the opening of the stream is
// found by another list, at once.
func TestOpensLate(t *testing.T) {
	for _, takes := range []time.Duration{0, 20 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.add("exited", "old")
			w.unopened, w.mute = true, true
			w.slow = func() { time.Sleep(takes) }
			tr := explore(t, w, Config{})
			time.Sleep(2 * time.Second)
			w.create("a", "a")
			w.start("a")
			w.open()
			time.Sleep(takes)
			tr.take(false)
			time.Sleep(takes)
			if _, ok := tr.entry("a"); !ok {
				t.Error("the list that came before does not have it, and no other came")
			}
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if n := tr.count("events"); n != 1 {
				t.Errorf("%d event streams, want one", n)
			}
		})
	}
}

// TestSlowList: a list that takes long keeps no event waiting, and is older than they are.
func TestSlowList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("running", "old", "leaves", "stops")
		tr := explore(t, w, Config{})
		tr.take(false)
		w.do(func() { w.slow = func() { time.Sleep(20 * time.Second) } })
		time.Sleep(35 * time.Second)
		w.create("new", "new")
		w.start("new")
		w.exit("stops")
		w.remove("leaves")
		tr.want(t, "started new; ended stops; gone leaves")
		time.Sleep(16 * time.Second)
		if got := tr.take(true); got != "sync new,old,stops" {
			t.Errorf("the list said %q", got)
		}
		// The next one is younger.
		w.do(func() { w.slow = nil })
		time.Sleep(30 * time.Second)
		if got := tr.take(true); got != "sync new,old,stops" {
			t.Errorf("the next list said %q", got)
		}
	})
}

// TestLateEvents: an event that comes after younger ones says nothing of how
// things are.
func TestLateEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("running", "a")
		tr := explore(t, w, Config{})
		time.Sleep(time.Second)
		w.exit("a")
		tr.want(t, "found a; ended a")
		w.do(func() {
			for e := range w.ears {
				w.pass(e, event{action: "start", id: "a", at: time.Now().Add(-time.Millisecond)})
			}
			w.mute = true
		})
		tr.want(t, "started a")
		w.start("a") // of which nothing is heard
		time.Sleep(30 * time.Second)
		tr.want(t, "found a")
	})
}

// TestListOmits: a container that one list does not have is believed in until
// the next.
func TestListOmits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("running", "a", "b")
		tr := explore(t, w, Config{})
		tr.take(false)
		omit := func(l []summary) []summary {
			return slices.DeleteFunc(l, func(c summary) bool { return c.id == "b" })
		}
		for _, step := range []struct {
			tamper func([]summary) []summary
			want   string
		}{{omit, "sync a,b"}, {nil, "sync a,b"}, {omit, "sync a,b"}, {omit, "sync a"}} {
			w.do(func() { w.tamper = step.tamper })
			time.Sleep(30*time.Second + 1)
			if got := tr.take(true); got != step.want {
				t.Errorf("%q, want %q", got, step.want)
			}
		}
	})
}

func TestDiscoverRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("running", "a")
		w.add("exited", "b")
		tr := explore(t, w, Config{Include: []Match{{Name: "^name-", State: "running"}}})
		tr.want(t, "found a")
		// An excluded container is not spoken of, but may get another name.
		w.create("x", "x")
		w.start("x")
		tr.want(t, "started x") // events do not tell what it is called
		time.Sleep(time.Minute)
		w.exit("x")
		w.start("x")
		tr.want(t, "")
		w.rename("x", "name-x")
		tr.want(t, "renamed x")
		w.exit("x")
		tr.want(t, "ended x")
		time.Sleep(time.Minute)
		// Its state counts when it is found only.
		w.start("b")
		w.exit("b")
		tr.want(t, "started b; ended b")
		w.exit("a")
		tr.want(t, "ended a")
		// Podman does not tell of names.
		w.do(func() { w.all["a"].name = "other" })
		time.Sleep(time.Minute)
		tr.want(t, "renamed a")
		w.remove("x")
		tr.want(t, "gone x")
	})
}

// TestStopAnytime: run returns at once, whatever it is at.
func TestStopAnytime(t *testing.T) {
	for _, setup := range []func(*world){
		func(w *world) {},
		func(w *world) { w.unopened = true },
		func(w *world) { w.down = errors.New("down") },
		func(w *world) { w.failEars = io.EOF },
		func(w *world) { w.failList = io.EOF },
	} {
		for _, after := range []time.Duration{0, 1, 50 * time.Millisecond, time.Second, 7 * time.Second, time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.add("running", "a")
				setup(w)
				explore(t, w, Config{})
				time.Sleep(after)
			})
		}
	}
}
