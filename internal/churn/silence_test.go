package churn

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/internal/enginetest"
	"github.com/logferry/logferry/source/container"
)

// silent runs containers that write a line and then nothing, for ever.
func silent(t *testing.T, e *enginetest.Engine, n int) (all []*enginetest.Container) {
	t.Helper()
	all = make([]*enginetest.Container, n)
	turns := make(chan struct{}, 4)
	var starts sync.WaitGroup
	for i := range all {
		starts.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			all[i] = e.Run(t, enginetest.Spec{Name: fmt.Sprintf("silent-%d", i), Script: enginetest.Script{Lines: 1, Live: -1}})
		})
	}
	starts.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return all
}

// A source that waits for 50 silent containers is gone at once when it is closed, with every goroutine and connection.
func TestCloseOfSilentStreams(t *testing.T) {
	const containers = 50
	for _, version := range enginetest.Need(t) {
		t.Run(version, func(t *testing.T) {
			e := enginetest.Start(t, version)
			silent(t, e, containers)
			before := rest(t)
			l := lay(t, container.Config{Host: e.Host()})
			l.wait(t, "lines", func() bool { n, _ := l.lines(); return n == containers })
			during := rest(t)
			began := time.Now()
			err := l.close()
			took := time.Since(began)
			after := back(t, before, "Close")
			t.Logf("engine %s: %d silent streams with %v: closed in %v, and %v after %v", version, containers, less(during, before), took, before, after)
			if err != nil {
				t.Error(err)
			}
			// A task for each, and two of net/http for its connection.
			if got := less(during, before); got.goroutines > 3*containers+fixed || got.descriptors < containers {
				t.Errorf("%v for %d streams", got, containers)
			}
			// What waited for a container to say something would wait for ever, until Close gave up.
			if took > patience/20 {
				t.Errorf("Close took %v", took)
			}
		})
	}
}

// fixed is how many goroutines a pipeline of one source and one route may have beside those of the streams.
const fixed = 25

func less(a, b load) load { return load{a.goroutines - b.goroutines, a.descriptors - b.descriptors} }

// Looking at containers again and again leaves nothing behind: a client made for each look, whose connection nobody closes,
// is how collectors have leaked until they died.
func TestLookingLeavesNothing(t *testing.T) {
	for _, version := range enginetest.Need(t) {
		t.Run(version, func(t *testing.T) {
			const containers, looks = 8, 25
			e := enginetest.Start(t, version)
			all := silent(t, e, containers)
			l := lay(t, container.Config{Host: e.Host()})
			l.wait(t, "lines", func() bool { n, _ := l.lines(); return n == containers })
			before := rest(t)
			peak := before
			for look := range looks {
				for i, c := range all {
					c.Rename(t, fmt.Sprintf("silent-%d-%d", i, look)) // makes the source look at it
				}
				now := measure(t)
				peak = load{max(peak.goroutines, now.goroutines), max(peak.descriptors, now.descriptors)}
			}
			after := back(t, before, "many looks")
			for i, c := range all {
				c.Restart(t, 0) // it writes its line again, under the name that the source has seen
				want := fmt.Sprintf("silent-%d-%d", i, looks-1)
				l.wait(t, "line of "+want, func() bool { return l.last(c.ID) == want })
			}
			t.Logf("engine %s: %d looks at %d containers each: %v before, at most %v, and as before %v after the last", version, looks,
				containers, before, peak, after)
			if log := l.logged(); strings.Contains(log, "level=WARN") {
				t.Error(log)
			}
		})
	}
}

// A container whose log cannot be read is told of once, by its name and driver; the others are read.
func TestUnreadableDrivers(t *testing.T) {
	for _, version := range enginetest.Need(t) {
		t.Run(version, func(t *testing.T) {
			e := enginetest.Start(t, version)
			const syslog = "udp://127.0.0.1:9" // nobody has to be there
			script := enginetest.Script{Lines: 10}
			l := lay(t, container.Config{Host: e.Host(), Relist: 50 * time.Millisecond})
			none := e.Run(t, enginetest.Spec{Name: "without", Driver: "none", Script: script})
			sent := e.Run(t, enginetest.Spec{Name: "sent-away", Driver: "syslog", Script: script,
				Options: map[string]string{"syslog-address": syslog, "cache-disabled": "true"}})
			cached := e.Run(t, enginetest.Spec{Name: "cached", Driver: "syslog", Script: script, Options: map[string]string{"syslog-address": syslog}})
			for _, c := range []*enginetest.Container{none, sent, cached} {
				c.Wait(t)
				c.Start(t) // a second time is no news
				c.Wait(t)
			}
			plain := e.Run(t, enginetest.Spec{Name: "plain", Script: script})
			l.wait(t, "lines", func() bool { n, _ := l.lines(); return n == 30 })
			plain.Wait(t)
			unreadable := func() int { return strings.Count(l.logged(), "level=WARN") }
			l.wait(t, "warnings", func() bool { return unreadable() == 2 })
			if err := l.close(); err != nil {
				t.Error(err)
			}
			if n, of := l.lines(); n != 30 || of != 2 {
				t.Errorf("%d lines of %d containers", n, of)
			}
			log := l.logged()
			if n := unreadable(); n != 2 || !strings.Contains(log, "container=without") || !strings.Contains(log, "driver=none") ||
				!strings.Contains(log, "container=sent-away") || !strings.Contains(log, "driver=syslog") {
				t.Errorf("%d warnings:\n%s", n, log)
			}
			t.Logf("engine %s:\n%s", version, log)
		})
	}
}
