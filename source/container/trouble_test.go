package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/lifecycle"
)

// TestMissedWhileBroken: what an event stream did not tell because it was broken
// is found after it.
func TestMissedWhileBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("running", "a")
		w.add("exited", "b", "c")
		tr := explore(t, w, Config{})
		tr.take(false)
		time.Sleep(time.Minute)
		tr.want(t, "")
		w.breakEars(io.ErrUnexpectedEOF, true)
		synctest.Wait()
		w.do(func() { w.mute = true })
		w.start("b")
		w.exit("b")
		w.do(func() { w.mute, w.ring = false, nil })
		time.Sleep(time.Second)
		tr.take(false)
		if got, _ := tr.entry("b"); got.runs != 2 {
			t.Errorf("knows of %d runs, want 2", got.runs)
		}
		// What the engine still knows comes as an event.
		w.exit("a")
		time.Sleep(time.Minute)
		w.breakEars(io.ErrUnexpectedEOF, false)
		synctest.Wait()
		w.create("d", "d")
		w.start("d")
		w.exit("d")
		w.remove("d")
		time.Sleep(time.Second)
		if got := tr.take(false); !strings.Contains(got, "gone d") {
			t.Errorf("nothing of a container that came and went: %q", got)
		}
		if tr.log.Len() > 0 {
			t.Errorf("logged: %s", tr.log)
		}
	})
}

// TestAfterBreak: the list that follows a break keeps no event waiting.
func TestAfterBreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		tr := explore(t, w, Config{})
		time.Sleep(time.Minute)
		w.breakEars(io.ErrUnexpectedEOF, false)
		time.Sleep(time.Millisecond)
		w.do(func() { w.slow = func() { time.Sleep(20 * time.Second) } })
		time.Sleep(time.Second)
		w.create("a", "a")
		w.start("a")
		tr.want(t, "started a")
		time.Sleep(20 * time.Second)
	})
}

// TestIdleContainers: what has ended is woken when it is found, seldom otherwise,
// and never all at once.
func TestIdleContainers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 5000
		w := newWorld()
		for i := range many {
			w.add("exited", fmt.Sprint(i))
		}
		w.add("running", "live")
		tr := explore(t, w, Config{Relist: 5 * time.Minute})
		count := func() int {
			synctest.Wait()
			tr.book.mu.Lock()
			defer tr.book.mu.Unlock()
			n := tr.wakes
			tr.wakes, tr.book.calls = 0, nil
			return n
		}
		if n := count(); n != many+1 {
			t.Errorf("%d woken when they were found, want all", n)
		}
		time.Sleep(59 * time.Minute)
		if n := count(); n != 0 {
			t.Errorf("%d woken in an hour in which nothing happened", n)
		}
		var most, all int
		for range 12 {
			time.Sleep(5 * time.Minute)
			n := count()
			most = max(most, n)
			all += n
		}
		if all != many+1 || most > maxReminders {
			t.Errorf("%d woken in the next hour, %d at once, want each of them, and no more than %d at once", all, most, maxReminders)
		}
		// A stream that breaks all the time wakes no more than time allows, and
		// each in its turn.
		w.do(func() { w.failEars = io.ErrUnexpectedEOF })
		w.breakEars(io.ErrUnexpectedEOF, true)
		time.Sleep(10 * time.Minute)
		if n := count(); n < 5*many || n > maxReminders+int(10*time.Minute/perReminder)+40 {
			t.Errorf("%d woken in 10 minutes of breaks", n)
		}
		tr.cancel()
		tr.done <- <-tr.done
		for id, s := range tr.d.census.known {
			if age := time.Since(s.woken); age > 2*time.Minute && id != "live" {
				t.Fatalf("%s was woken %v ago", id, age)
			}
		}
	})
}

// TestLastWords: what was told just before a stream broke is not lost with it.
func TestLastWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("running", "a")
		tr := explore(t, w, Config{})
		for i := range 50 { // it depends on what is noticed first
			time.Sleep(time.Minute)
			tr.take(false)
			id := fmt.Sprint("short", i)
			w.create(id, id)
			synctest.Wait()
			w.do(func() {
				delete(w.all, id)
				w.tell("destroy", id)
				for e := range w.ears {
					e.err = io.ErrUnexpectedEOF
				}
				w.ring = nil // the engine has been restarted
			})
			time.Sleep(time.Second)
			if got := tr.take(false); !strings.Contains(got, "gone "+id) {
				t.Fatalf("break %d: %q", i, got)
			}
		}
	})
}

// TestEngineGone: nothing spins while the engine is away, and two lines tell.
func TestEngineGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("exited", "a")
		tr := explore(t, w, Config{})
		tr.want(t, "found a")
		time.Sleep(time.Minute + time.Second)
		before := tr.count("ping")
		w.do(func() { w.down = errors.New("dial unix /var/run/docker.sock: connect: connection refused") })
		w.breakEars(io.ErrUnexpectedEOF, true)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := tr.count("ping") - before; n < 20 || n > 40 {
			t.Errorf("%d pings in 10 minutes", n)
		}
		for i, at := range w.asked[before:] {
			if i > 0 && at.Sub(w.asked[before+i-1]) > maxPause {
				t.Errorf("no ping for %v", at.Sub(w.asked[before+i-1]))
			}
		}
		w.do(func() { w.down = nil })
		time.Sleep(maxPause)
		tr.want(t, "found a")
		want := `level=WARN msg="container engine cannot be reached" host=unix:///var/run/docker.sock error="dial unix /var/run/docker.sock: connect: connection refused"
level=INFO msg="container engine answers again" host=unix:///var/run/docker.sock away=`
		if got := tr.log.String(); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 2 || !strings.Contains(got, "away=10m") {
			t.Errorf("logged: %s", got)
		}
		if got := fmt.Sprint(tr.up); got != "[true false true]" {
			t.Errorf("reached %s", got)
		}
	})
}

// TestNoEngine: it may come later.
func TestNoEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.down = errors.New("no such file")
		tr := explore(t, w, Config{Host: "tcp://engine:2375"})
		time.Sleep(5 * time.Minute)
		w.do(func() { w.down = nil })
		w.create("a", "a")
		w.start("a")
		time.Sleep(maxPause)
		tr.want(t, "found a; started a")
		if got := tr.log.String(); strings.Count(got, "\n") != 2 || strings.Count(got, "host=tcp://engine:2375") != 2 {
			t.Errorf("logged: %s", got)
		}
		if got := fmt.Sprint(tr.up); got != "[false true]" {
			t.Errorf("reached %s", got)
		}
	})
}

// TestNoEvents: an engine that does not tell of events, or ends the stream at
// once, is listed, and does not make discovery spin.
func TestNoEvents(t *testing.T) {
	for _, failure := range []error{errors.New("403 Forbidden"), io.EOF} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.failEars = failure
			w.add("running", "a")
			tr := explore(t, w, Config{})
			time.Sleep(10 * time.Minute)
			tr.take(false)
			if n := tr.count("events"); n < 20 || n > 40 {
				t.Errorf("%d event streams in 10 minutes", n)
			}
			if n := tr.count("list"); n < 20 || n > 40 {
				t.Errorf("%d lists in 10 minutes", n)
			}
			w.create("b", "b")
			w.start("b")
			time.Sleep(maxPause)
			if got := tr.take(false); !strings.Contains(got, "found b") {
				t.Errorf("got %q", got)
			}
			w.do(func() { w.failEars = nil })
			time.Sleep(5 * time.Minute)
			w.exit("b")
			if got := tr.take(false); !strings.HasSuffix(got, "ended b") {
				t.Errorf("got %q", got)
			}
			want := `level=WARN msg="no events from the container engine, listing its containers instead" host=unix:///var/run/docker.sock error=` + fmt.Sprintf("%q", failure) + `
level=INFO msg="container engine tells of events again" host=unix:///var/run/docker.sock
`
			if got := strings.ReplaceAll(tr.log.String(), "error=EOF", `error="EOF"`); got != want {
				t.Errorf("logged: %s", got)
			}
			if got := fmt.Sprint(tr.up); got != "[true]" {
				t.Errorf("reached %s", got)
			}
		})
	}
}

// TestListFails: events go on being heard while lists fail; that they do is told.
func TestListFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("running", "a")
		tr := explore(t, w, Config{})
		tr.want(t, "found a")
		w.do(func() { w.failList = errors.New("500 Internal Server Error") })
		time.Sleep(31 * time.Second)
		w.create("b", "b")
		w.start("b")
		tr.want(t, "started b")
		before := tr.count("list")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := tr.count("list") - before; n < 20 || n > 40 {
			t.Errorf("%d lists in 10 minutes", n)
		}
		w.do(func() { w.failList = nil })
		time.Sleep(maxPause + time.Second)
		tr.take(false)
		if n := tr.count("events"); n != 2 {
			t.Errorf("%d event streams, want a new one when the engine has recovered", n)
		}
		if got := tr.log.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "does not list") || !strings.Contains(got, "500 Internal") || !strings.Contains(got, "again") {
			t.Errorf("logged: %s", got)
		}
		if got := fmt.Sprint(tr.up); got != "[true]" {
			t.Errorf("reached %s", got)
		}
	})
}

// TestSilentStream: an event stream that is open but dead is replaced once a
// list tells more than it.
func TestSilentStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		tr := explore(t, w, Config{})
		time.Sleep(time.Minute + time.Second)
		w.do(func() { w.mute = true })
		w.create("a", "a")
		w.start("a")
		tr.want(t, "")
		time.Sleep(30 * time.Second)
		w.do(func() { w.mute = false })
		if got := tr.take(false); !strings.HasPrefix(got, "found a") {
			t.Errorf("got %q", got)
		}
		if n := tr.count("events"); n != 2 {
			t.Errorf("%d event streams, want 2", n)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := tr.count("events"); n != 2 {
			t.Errorf("%d event streams, want 2", n)
		}
	})
}

func TestVersionChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		tr := explore(t, w, Config{})
		time.Sleep(time.Minute)
		w.do(func() { w.version = apiVersion{1, 41} })
		w.breakEars(io.EOF, true)
		if err := <-tr.done; !errors.Is(err, errVersionChanged) {
			t.Errorf("run: %v", err)
		}
		tr.done <- nil
		if tr.log.Len() > 0 {
			t.Errorf("logged: %s", tr.log)
		}
	})
}

// TestNothingStarted: a list that could not even be asked for is not an empty one.
func TestNothingStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := &book{w: w, entries: map[string]life{}}
		super := lifecycle.New(lifecycle.Config{})
		super.Close(context.Background())
		d := newDiscovery(w, b, selectorFor(t, Config{}), selectorFor(t, Config{}).log, super.Go)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := d.run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
		if got := b.take(true); got != "" {
			t.Errorf("told %q", got)
		}
	})
}
