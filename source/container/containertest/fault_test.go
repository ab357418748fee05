package containertest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"

	ct "github.com/logferry/logferry/source/container/containertest"
)

// raw returns the log of a container as it comes, and how it ends.
func raw(t *testing.T, e *ct.Engine, id string) (string, error) {
	t.Helper()
	body, err := connect(t, e).ContainerLogs(t.Context(), id, container.LogsOptions{ShowStdout: true})
	must(t, err)
	defer body.Close()
	b, err := io.ReadAll(body)
	return string(b), err
}

// Where a fault stands, and what it does there. The log is three frames of 10
// bytes.
func TestFaultsOfAStream(t *testing.T) {
	const a, b, c = "\x01\x00\x00\x00\x00\x00\x00\x02a\n", "\x01\x00\x00\x00\x00\x00\x00\x02b\n", "\x01\x00\x00\x00\x00\x00\x00\x02c\n"
	tests := []struct {
		name  string
		fault ct.Fault
		want  string
		clean bool
	}{
		{"cut at once", ct.Fault{Do: ct.Cut()}, "", false},
		{"cut in a header", ct.Fault{After: 3, Do: ct.Cut()}, a[:3], false},
		{"cut in a frame", ct.Fault{After: 19, Do: ct.Cut()}, a + b[:9], false},
		{"cut between frames", ct.Fault{Frames: 2, Do: ct.Cut()}, a + b, false},
		{"cut in the second header", ct.Fault{Frames: 1, After: 5, Do: ct.Cut()}, a + b[:5], false},
		{"cut after the end", ct.Fault{Frames: 4, Do: ct.Cut()}, a + b + c, true},
		{"end in a frame", ct.Fault{Frames: 1, After: 9, Do: ct.End()}, a + b[:9], true},
		{"4 GiB", ct.Fault{Frames: 1, After: 4, Do: ct.Corrupt(0xff, 0xff, 0xff, 0xff)}, a + "\x01\x00\x00\x00\xff\xff\xff\xffb\n" + c, true},
		{"bad header", ct.Fault{Frames: 2, Do: ct.Corrupt(9)}, a + b + "\x09" + c[1:], true},
		{"to the end of the frame only", ct.Fault{After: 9, Do: ct.Corrupt('x', 'y')}, a[:9] + "x" + b + c, true},
		{"insert", ct.Fault{After: 10, Do: ct.Insert('x', 'y')}, a + "xy" + b + c, true},
		{"stall", ct.Fault{After: 12, Do: ct.Stall(time.Hour)}, a + b + c, true},
		{"slow headers", ct.Fault{After: ct.BeforeHeaders, Do: ct.Stall(time.Hour)}, a + b + c, true},
	}
	both(t, ct.Config{}, func(t *testing.T, e *ct.Engine) {
		box := e.Create(ct.Spec{})
		must(t, box.Start())
		must(t, box.Print("a\nb\nc"))
		for _, test := range tests {
			test.fault.On = ct.Logs
			i := e.Inject(test.fault)
			start := time.Now()
			got, err := raw(t, e, box.ID())
			if got != test.want || (err == nil) != test.clean || i.Hits() != 1 {
				t.Errorf("%s: got %q, %v after %d hits", test.name, got, err, i.Hits())
			}
			if slow := strings.Contains(test.name, "stall") || strings.Contains(test.name, "slow"); slow != (time.Since(start) >= time.Hour) {
				t.Errorf("%s: took %v", test.name, time.Since(start))
			}
		}
		if got, err := raw(t, e, box.ID()); got != a+b+c || err != nil {
			t.Errorf("without faults: %q, %v", got, err)
		}
	})
}

// Faults that befall the same response add up, whatever their order.
func TestFaultsAddUp(t *testing.T) {
	both(t, ct.Config{}, func(t *testing.T, e *ct.Engine) {
		box := e.Create(ct.Spec{Tty: true})
		must(t, box.Start())
		must(t, box.Print("abc\ndef"))
		for _, f := range []ct.Fault{{Frames: 1, After: 2, Do: ct.End()}, {After: 1, Do: ct.Corrupt('x', 'y')}, {After: 3, Do: ct.Insert('z')},
			{Frames: 1, Do: ct.Insert('1', '2')}} {
			f.On = ct.Read
			e.Inject(f)
		}
		if got, err := raw(t, e, box.ID()); got != "axyz\r\n12de" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestSilence(t *testing.T) {
	both(t, ct.Config{}, func(t *testing.T, e *ct.Engine) {
		c := connect(t, e)
		e.Inject(ct.Fault{On: ct.Inspect, After: ct.BeforeHeaders, Do: ct.Silence()})
		e.Inject(ct.Fault{On: ct.Inspect, Skip: 1, After: 5, Do: ct.Silence()})
		box := e.Create(ct.Spec{})
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			start := time.Now()
			if _, err := c.ContainerInspect(ctx, box.ID()); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Hour {
				t.Errorf("got %v after %v", err, time.Since(start))
			}
			cancel()
		}
		if _, err := c.ContainerInspect(t.Context(), box.ID()); err != nil {
			t.Error(err)
		}
	})
}

func TestStatus(t *testing.T) {
	both(t, ct.Config{}, func(t *testing.T, e *ct.Engine) {
		c := connect(t, e)
		box := e.Create(ct.Spec{Name: "shop"})
		other := e.Create(ct.Spec{Name: "bank"})
		huge := strings.Repeat("x", 1<<20)
		i := e.Inject(ct.Fault{On: ct.Inspect, Container: "shop", Skip: 1, Count: 2, Do: ct.Status(500, huge)})
		var failed []bool
		for range 4 {
			_, err := c.ContainerInspect(t.Context(), box.ID())
			failed = append(failed, errdefs.IsInternal(err))
			if _, err := c.ContainerInspect(t.Context(), other.ID()); err != nil {
				t.Error(err)
			}
		}
		if !slices.Equal(failed, []bool{false, true, true, false}) || i.Hits() != 2 {
			t.Errorf("failed: %v, %d hits", failed, i.Hits())
		}
		forever := e.Inject(ct.Fault{Count: -1, Do: ct.Status(503, "busy"), If: func(r *http.Request) bool { return r.URL.Query().Has("all") }})
		for range 3 {
			if _, err := c.ContainerList(t.Context(), container.ListOptions{All: true}); !errdefs.IsUnavailable(err) {
				t.Errorf("list: %v", err)
			}
			if _, err := c.ContainerList(t.Context(), container.ListOptions{}); err != nil {
				t.Errorf("list of those that run: %v", err)
			}
		}
		forever.Remove()
		if _, err := c.ContainerList(t.Context(), container.ListOptions{All: true}); err != nil {
			t.Errorf("list after the fault: %v", err)
		}
		e.Inject(ct.Fault{On: ct.List, After: 7, Do: ct.End()})
		if list, err := c.ContainerList(t.Context(), container.ListOptions{All: true}); err == nil {
			t.Errorf("half a list gave %v", list)
		}
	})
}

// What is under way is struck where it is.
func TestStrike(t *testing.T) {
	both(t, ct.Config{Buffer: 512, ReadAhead: 8}, func(t *testing.T, e *ct.Engine) {
		box := numbered(t, e, ct.Spec{}, 1)
		idle := following(t, e, box.ID(), "all")
		idle.read(1)
		if n := e.Strike(ct.Fault{On: ct.Follow, Container: box.ID(), Do: ct.Cut()}); n != 1 {
			t.Errorf("%d were struck", n)
		}
		if got, err := idle.rest(); got != "" || err == nil {
			t.Errorf("an idle stream ended with %q, %v", got, err)
		}
		busy := following(t, e, box.ID(), "all")
		busy.read(1)
		e.Strike(ct.Fault{On: ct.Follow, Frames: 1, Do: ct.End()})
		must(t, box.Print("1\n2\n3"))
		if got, err := busy.rest(); got != "1" || err != nil {
			t.Errorf("a stream ended with %q, %v", got, err)
		}
		stalled := following(t, e, box.ID(), "all")
		for range 100 {
			must(t, box.Print("and so on, and so on"))
		}
		synctest.Wait()
		e.Strike(ct.Fault{On: ct.Follow, Do: ct.Cut()})
		synctest.Wait()
		if n := box.Follows(); n != 0 {
			t.Errorf("%d follow after the one that stalls was cut", n)
		}
		if _, err := io.ReadAll(stalled.body); err == nil {
			t.Error("the stream that was cut ended in order")
		}
	})
}

func TestFaultsOfSingleEvents(t *testing.T) {
	both(t, ct.Config{}, func(t *testing.T, e *ct.Engine) {
		c := connect(t, e)
		e.Inject(ct.Fault{On: ct.Events, Container: "b", Event: "start", Do: ct.Omit()})
		e.Inject(ct.Fault{On: ct.Events, Container: "c", Event: "start", Do: ct.Twice()})
		e.Inject(ct.Fault{On: ct.Events, Container: "a", Event: "start", Do: ct.Late(2)})
		l := listen(t, c, events.ListOptions{})
		defer l.close()
		var boxes []*ct.Container
		for _, name := range []string{"a", "b", "c", "d"} {
			boxes = append(boxes, e.Create(ct.Spec{Name: name}))
		}
		for _, box := range boxes {
			must(t, box.Start())
		}
		want := []string{"create a", "create b", "create c", "create d", "start c", "start c", "start d", "start a"}
		got, err := l.heard()
		if must(t, err); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestFaultsOfAList(t *testing.T) {
	both(t, ct.Config{}, func(t *testing.T, e *ct.Engine) {
		c := connect(t, e)
		for _, name := range []string{"a", "b", "c"} {
			e.Create(ct.Spec{Name: name})
		}
		e.Inject(ct.Fault{On: ct.List, Container: "a", Do: ct.Omit()})
		e.Inject(ct.Fault{On: ct.List, Container: "b", Do: ct.Twice()})
		for _, want := range []string{"/c /b /b", "/c /b /a"} {
			if got := strings.Join(names(t, c, container.ListOptions{All: true}), " "); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	})
}

func TestFaultsOfDialling(t *testing.T) {
	both(t, ct.Config{}, func(t *testing.T, e *ct.Engine) {
		e.Inject(ct.Fault{On: ct.Dial, Do: ct.Fail(ct.ErrMissing)})
		if _, err := e.Dial(t.Context()); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("got %v", err)
		}
		e.Inject(ct.Fault{On: ct.Dial, Do: ct.Silence()})
		e.Inject(ct.Fault{On: ct.Dial, Skip: 1, Do: ct.Stall(time.Minute)})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		if _, err := e.Dial(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Hour {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		start = time.Now()
		c, err := e.Dial(t.Context())
		must(t, err)
		if time.Since(start) != time.Minute {
			t.Errorf("connected after %v", time.Since(start))
		}
		c.Close()
		e.Down(true)
		if _, err := e.Dial(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("while it is down: %v", err)
		}
	})
}
