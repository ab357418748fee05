package containertest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/logferry/logferry/source/container/containertest"
)

// A listener collects events.
type listener struct {
	cancel context.CancelFunc
	events <-chan events.Message
	errs   <-chan error
}

func listen(t *testing.T, c *client.Client, o events.ListOptions) *listener {
	ctx, cancel := context.WithCancel(t.Context())
	l := &listener{cancel: cancel}
	l.events, l.errs = c.Events(ctx, o)
	synctest.Wait()
	return l
}

// heard returns what has come so far, and with end, how it ended.
func (l *listener) heard() (list []string, end error) {
	synctest.Wait()
	for {
		select {
		case m := <-l.events:
			list = append(list, fmt.Sprintf("%s %s", m.Action, m.Actor.Attributes["name"]))
			synctest.Wait()
		case err := <-l.errs:
			return list, err
		default:
			return list, nil
		}
	}
}

// close ends the listening and waits until it has ended.
func (l *listener) close() {
	l.cancel()
	for range l.errs {
	}
}

func TestEventsOfALife(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		l := listen(t, connect(t, e), events.ListOptions{})
		defer l.close()
		box := e.Create(containertest.Spec{Name: "a", Image: "shop:1", Labels: map[string]string{"team": "x"}})
		for _, step := range []func() error{box.Start, box.Pause, box.Unpause, box.Stop, box.Start, box.Restart,
			func() error { return box.Rename("b") }, box.Kill, box.Start, func() error { return box.Exit(1) }, box.Start, box.Remove} {
			must(t, step())
		}
		want := []string{"create a", "start a", "pause a", "unpause a", "kill a", "die a", "stop a", "start a",
			"kill a", "die a", "stop a", "start a", "restart a", "rename b", "kill b", "die b", "start b", "die b",
			"start b", "kill b", "die b", "destroy b"}
		if strings.Contains(t.Name(), "26") {
			want[5], want[6], want[9], want[10] = "stop a", "die a", "stop a", "die a"
		}
		if got, err := l.heard(); !slices.Equal(got, want) || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestEventAttributes(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		l := listen(t, connect(t, e), events.ListOptions{Filters: filters.NewArgs(filters.Arg("event", "die"), filters.Arg("label", "team=x"),
			filters.Arg("type", "container"))})
		defer l.close()
		for _, team := range []string{"x", "y"} {
			box := e.Create(containertest.Spec{Name: "a" + team, Image: "shop:1", Labels: map[string]string{"team": team}})
			must(t, box.Start())
			must(t, box.Exit(3))
		}
		m := <-l.events
		if m.Action != "die" || m.Actor.ID != e.Container("ax").ID() || m.Actor.Attributes["exitCode"] != "3" ||
			m.Actor.Attributes["image"] != "shop:1" || m.Actor.Attributes["team"] != "x" || m.Type != "container" ||
			m.TimeNano != e.Now().UnixNano() {
			t.Errorf("got %+v", m)
		}
		if more, err := l.heard(); len(more) > 0 || err != nil {
			t.Errorf("and then %q, %v", more, err)
		}
	})
}

// The newest 256 events of all types are kept, and none over a restart.
func TestEventsSince(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		begin := e.Now()
		for i := range 300 {
			e.Emit(containertest.Event{Type: "image", Action: "pull", ID: "x", Attributes: map[string]string{"name": strconv.Itoa(i)}})
			time.Sleep(time.Second)
		}
		past := func(since time.Duration) int {
			t.Helper()
			l := listen(t, c, events.ListOptions{Since: begin.Add(since).Format(time.RFC3339Nano), Until: e.Now().Format(time.RFC3339Nano)})
			got, err := l.heard()
			if !errors.Is(err, io.EOF) {
				t.Errorf("the stream of what has been ended with %v", err)
			}
			if len(got) > 0 && got[len(got)-1] != "pull 299" {
				t.Errorf("the last event is %q", got[len(got)-1])
			}
			l.close()
			return len(got)
		}
		if all, some := past(0), past(290*time.Second); all != 256 || some != 10 {
			t.Errorf("%d events are kept, %d of the last ten seconds", all, some)
		}
		e.Restart(true, time.Second)
		if n := past(0); n != 0 {
			t.Errorf("%d events are kept over a restart", n)
		}
	})
}

// A subscriber that does not take its events loses some, and is not told.
func TestEventsSkipped(t *testing.T) {
	both(t, containertest.Config{Buffer: 512}, func(t *testing.T, e *containertest.Engine) {
		l := listen(t, connect(t, e), events.ListOptions{})
		defer l.close()
		emit := func(from, to int) {
			for i := from; i < to; i++ {
				e.Emit(containertest.Event{Type: "image", Action: "pull", Attributes: map[string]string{"name": strconv.Itoa(i)}})
			}
			synctest.Wait()
		}
		emit(0, 2000) // far more than the backlog of 1024, and nobody takes any
		time.Sleep(101 * time.Millisecond)
		emit(2000, 2001)
		var got []string
		for {
			more, err := l.heard()
			must(t, err)
			if len(more) == 0 {
				break
			}
			got = append(got, more...)
		}
		skipped := e.Stats().SkippedEvents
		if len(got)+skipped != 2001 || skipped < 900 || skipped > 976 {
			t.Errorf("%d events came, %d were skipped", len(got), skipped)
		}
		emit(2001, 2002)
		if got, err := l.heard(); !slices.Equal(got, []string{"pull 2001"}) || err != nil {
			t.Errorf("after that %q came, %v", got, err)
		}
	})
}

func TestEventsEnd(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		l := listen(t, c, events.ListOptions{Until: e.Now().Add(time.Minute).Format(time.RFC3339Nano)})
		start := time.Now()
		if err := <-l.errs; !errors.Is(err, io.EOF) || time.Since(start) != time.Minute {
			t.Errorf("until in a minute: %v after %v", err, time.Since(start))
		}
		l.close()
		l = listen(t, c, events.ListOptions{})
		e.Down(true)
		if err := <-l.errs; !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("when the engine goes down: %v", err)
		}
		l.close()
		e.Up()
		for _, test := range []struct {
			do   containertest.Action
			want error
		}{{containertest.End(), io.EOF}, {containertest.Cut(), io.ErrUnexpectedEOF}} {
			l = listen(t, c, events.ListOptions{})
			if n := e.Strike(containertest.Fault{On: containertest.Events, Do: test.do}); n != 1 {
				t.Errorf("%d streams were struck", n)
			}
			if err := <-l.errs; !errors.Is(err, test.want) {
				t.Errorf("when it is struck: %v, want %v", err, test.want)
			}
			l.close()
		}
		synctest.Wait() // the client is told before the engine has forgotten it
		if n := e.Stats().EventStreams; n != 0 {
			t.Errorf("%d streams are open", n)
		}
	})
}
