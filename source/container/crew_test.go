package container

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/source/container/containertest"
	"github.com/logferry/logferry/source/record"
)

// write has c write n lines, with a number each from first on.
func write(c *containertest.Container, first, n int) {
	for i := range n {
		c.Print(fmt.Sprintf("line %d", first+i))
	}
}

// cursors are the names of the streams that have one.
func (r *rig) cursors() (names []string) {
	if err := r.saver.Save(r.Context()); err != nil {
		r.Fatal(err)
	}
	for name := range r.points.All(r.Context()) {
		names = append(names, strings.TrimPrefix(name, "source/"))
	}
	return names
}

func TestFromEnd(t *testing.T) {
	generations(t, func(r *rig) {
		r.cfg.From = End
		old, silent := r.run(containertest.Spec{}), r.run(containertest.Spec{})
		write(old, 1, 5000)
		r.start()
		r.settle(2 * time.Second)
		write(old, 5001, 2)
		write(silent, 1, 1)
		young := r.run(containertest.Spec{})
		write(young, 1, 3)
		r.settle(4 * time.Second)
		r.check(old, []string{"stdout line 5001", "stdout line 5002"})
		r.check(silent, []string{"stdout line 1"})
		r.check(young, retained(young))
		r.stop()
		write(old, 5003, 1)
		r.start()
		r.settle(4 * time.Second)
		r.check(old, []string{"stdout line 5001", "stdout line 5002", "stdout line 5003"})
	})
}

// What ended before the source began, what ends while it runs, and what is
// removed at once.
func TestEnds(t *testing.T) {
	generations(t, func(r *rig) {
		before := r.run(containertest.Spec{})
		write(before, 1, 10)
		before.Exit(0)
		r.start()
		r.settle(time.Second)
		r.check(before, retained(before))
		var all []*containertest.Container
		for i := range 40 {
			spec := containertest.Spec{AutoRemove: true}
			if i%2 > 0 && r.gen == containertest.Gen26 {
				spec.Driver = "local" // it would be polled by one of before 23.0, and be gone
			}
			c := r.run(spec)
			write(c, 1, 3)
			c.Write(containertest.Stdout, []byte("unended"))
			r.settle(50 * time.Millisecond)
			c.Exit(0)
			all = append(all, c)
		}
		r.settle(5 * time.Second)
		for _, c := range all {
			r.check(c, []string{"stdout line 1", "stdout line 2", "stdout line 3", "stdout unended"})
		}
		if got := r.cursors(); !slices.Equal(got, []string{before.ID()}) {
			t.Errorf("cursors of %d containers: %v", len(got), got)
		}
		before.Remove()
		r.settle(3 * time.Second)
		if got := r.cursors(); len(got) > 0 {
			t.Errorf("the cursor of a container that is no more is kept: %v", got)
		}
		if got := r.src.Stats(); len(got) > 0 {
			t.Errorf("containers that are no more are shown: %+v", got)
		}
	})
}

// A cursor outlives its container for a while if nothing was seen of its end,
// and no longer.
func TestForgets(t *testing.T) {
	bubble(t, containertest.Gen26, func(r *rig) {
		c := r.run(containertest.Spec{})
		write(c, 1, 1)
		r.start()
		r.settle(2 * time.Second)
		r.stop()
		c.Remove()
		r.settle(time.Minute) // the event is too old to be told
		r.start()
		r.settle(5 * time.Minute)
		if got := r.cursors(); len(got) != 1 {
			t.Errorf("%d cursors after 5 min", len(got))
		}
		r.settle(6 * time.Minute)
		if got := r.cursors(); len(got) != 0 {
			t.Errorf("%d cursors after 11 min", len(got))
		}
	})
}

func TestRename(t *testing.T) {
	generations(t, func(r *rig) {
		c := r.run(containertest.Spec{Name: "old"})
		write(c, 1, 2)
		r.start()
		r.settle(2 * time.Second)
		c.Rename("new")
		r.settle(2 * time.Second)
		write(c, 3, 2)
		r.settle(4 * time.Second)
		r.check(c, retained(c))
		var names []string
		for _, p := range r.receiver.Delivered() {
			for i := range p.Entries {
				name := p.Entries[i].Labels.Get("container")
				names = append(names, name)
			}
		}
		if !slices.Equal(names, []string{"old", "old", "new", "new"}) {
			t.Errorf("labels %v", names)
		}
	})
}

// A driver that keeps nothing is told of once; the others go on.
func TestUnreadable(t *testing.T) {
	generations(t, func(r *rig) {
		none := r.run(containertest.Spec{Name: "quiet", Driver: "none"})
		sys := r.run(containertest.Spec{Name: "far", Driver: "syslog", NoCache: true})
		ok := r.run(containertest.Spec{Name: "fine"})
		r.start()
		for i := range 5 {
			for _, c := range []*containertest.Container{none, sys, ok} {
				write(c, i, 1)
			}
			none.Restart()
			r.settle(time.Minute)
		}
		r.check(ok, retained(ok))
		warned := r.logged.lines("cannot be read")
		if len(warned) != 2 {
			t.Fatalf("%d warnings: %q", len(warned), warned)
		}
		all := strings.Join(warned, "")
		for _, want := range []string{"container=quiet", "driver=none", "container=far", "driver=syslog"} {
			if !strings.Contains(all, want) {
				t.Errorf("no warning says %q: %s", want, all)
			}
		}
		for _, s := range r.src.Stats() {
			if bad := s.Name != "fine"; (s.State == Unreadable) != bad || (s.Err != nil) != bad {
				t.Errorf("%+v", s)
			}
		}
	})
}

// Lines that the engine has deleted before they were read are told of; what it
// has is delivered.
func TestGap(t *testing.T) {
	generations(t, func(r *rig) {
		c := r.run(containertest.Spec{MaxSize: 2000, MaxFiles: 3})
		write(c, 1, 5)
		r.start()
		r.settle(3 * time.Second)
		r.stop()
		write(c, 6, 1000)
		r.start()
		r.settle(3 * time.Second)
		r.check(c, append([]string{"stdout line 1", "stdout line 2", "stdout line 3", "stdout line 4", "stdout line 5"}, retained(c)...))
		if got := r.logged.lines("deleted lines"); len(got) != 1 {
			t.Errorf("%d warnings", len(got))
		}
		if got := r.src.Stats(); len(got) != 1 || got[0].Gaps != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// Beyond MaxStreams containers are polled, and take the place of one that ends.
func TestMaxStreams(t *testing.T) {
	bubble(t, containertest.Gen26, func(r *rig) {
		r.cfg.MaxStreams = 3
		var all []*containertest.Container
		for range 8 {
			all = append(all, r.run(containertest.Spec{}))
		}
		r.start()
		r.settle(5 * time.Second)
		states := func() (n map[State]int) {
			n = map[State]int{}
			for _, s := range r.src.Stats() {
				n[s.State]++
			}
			return n
		}
		if got := states(); got[Live] != 3 || got[Polled] != 5 || r.engine.Stats().Follows != 3 {
			t.Errorf("%v, %d streams", got, r.engine.Stats().Follows)
		}
		for _, c := range all {
			write(c, 1, 100)
		}
		r.settle(5 * time.Second)
		for i, c := range all {
			r.check(c, retained(c))
			c.Exit(0)
			r.settle(3 * time.Second)
			if got, want := states()[Live], min(3, len(all)-1-i); got != want {
				t.Errorf("%d are live when %d have ended, want %d", got, i+1, want)
			}
		}
		if got := states(); got[Idle] != 8 {
			t.Errorf("%v", got)
		}
	})
}

// Lines are joined as Multiline says, are delivered when Timeout is over, and
// survive a restart in the midst of an entry.
func TestMultiline(t *testing.T) {
	generations(t, func(r *rig) { testMultiline(t, r) })
	t.Run("polled", func(t *testing.T) {
		bubble(t, containertest.Gen26, func(r *rig) {
			r.cfg.MaxStreams = -1
			testMultiline(t, r)
		})
	})
}

func testMultiline(t *testing.T, r *rig) {
	r.cfg.Multiline = record.Multiline{Rule: record.Start(regexp.MustCompile(`^\d`)), Timeout: 4700 * time.Millisecond}
	c := r.run(containertest.Spec{})
	r.start()
	r.settle(time.Second)
	c.Print("1 begins")
	c.Print(" and goes on")
	c.Write(containertest.Stderr, []byte("9 of the other\n"))
	r.settle(time.Second)
	c.Print(" still")
	r.settle(time.Second)
	if got := r.delivered(c); len(got) > 0 {
		t.Errorf("delivered too early: %q", got)
	}
	r.settle(10 * time.Second)
	r.check(c, []string{"stdout 1 begins\n and goes on\n still", "stderr 9 of the other"})
	c.Print("2 begins")
	c.Write(containertest.Stderr, []byte("8 ends\n"))
	r.settle(2 * time.Second)
	c.Write(containertest.Stderr, []byte("7 open\n"))
	r.settle(2 * time.Second)
	r.stop()
	c.Print(" after a restart")
	c.Print("3 is next")
	r.start()
	r.settle(12 * time.Second)
	got := r.delivered(c)
	slices.Sort(got)
	want := []string{"stderr 7 open", "stderr 8 ends", "stderr 9 of the other", "stdout 1 begins\n and goes on\n still",
		"stdout 2 begins\n after a restart", "stdout 3 is next"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// An engine that is away for minutes costs a few requests, and two lines in the
// log.
func TestAway(t *testing.T) {
	generations(t, func(r *rig) {
		var all []*containertest.Container
		for range 20 {
			all = append(all, r.run(containertest.Spec{}))
		}
		r.start()
		r.settle(3 * time.Second)
		before := r.engine.Stats()
		r.engine.Down(true)
		for _, c := range all {
			write(c, 1, 10)
		}
		r.settle(10 * time.Minute)
		r.engine.Up()
		r.settle(time.Minute)
		for _, c := range all {
			r.check(c, retained(c))
		}
		after := r.engine.Stats()
		t.Logf("dialled %d times", after.Dialled-before.Dialled)
		if lost, back := r.logged.lines("cannot be reached"), r.logged.lines("answers again"); len(lost) != 1 || len(back) != 1 {
			t.Errorf("%q\n%q", lost, back)
		}
		if n := strings.Count(r.logged.String(), "\n"); n > 2 {
			t.Errorf("%d lines in the log: %s", n, &r.logged)
		}
	})
}

// What was there before is left out as well where the first list fails and events
// tell of containers before the next.
func TestFromEndUnlisted(t *testing.T) {
	generations(t, func(r *rig) {
		r.cfg.From = End
		c := r.run(containertest.Spec{})
		write(c, 0, 20)
		r.settle(time.Minute)
		r.engine.Inject(containertest.Fault{On: containertest.List, After: containertest.BeforeHeaders, Do: containertest.Status(500, "trouble")})
		r.start()
		r.settle(20 * time.Millisecond)
		c.Pause()
		c.Unpause()
		r.settle(10 * time.Second)
		write(c, 20, 1)
		r.settle(10 * time.Second)
		r.check(c, []string{"stdout line 20"})
	})
}

// A cursor is kept for 10 min from when the engine could first be asked for its
// container.
func TestOrphanOfOutage(t *testing.T) {
	generations(t, func(r *rig) {
		c := r.run(containertest.Spec{Name: "c"})
		write(c, 0, 20)
		r.start()
		r.settle(10 * time.Second)
		r.stop()
		r.engine.Down(true)
		r.start()
		r.settle(15 * time.Minute)
		missing := r.engine.Inject(containertest.Fault{On: containertest.List, Container: "c", Count: 2, Do: containertest.Omit()})
		r.engine.Up()
		r.settle(5 * time.Minute)
		if missing.Hits() != 2 {
			t.Fatalf("%d lists lacked the container", missing.Hits())
		}
		r.check(c, retained(c))
	})
}
