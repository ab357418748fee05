package container

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/container/containertest"
	"github.com/logferry/logferry/source/sourcetest"
)

// A rig is a source at work on an engine within this process, in a bubble.
type rig struct {
	testing.TB
	gen      containertest.Generation
	engine   *containertest.Engine
	cfg      Config
	src      *Source
	receiver *sourcetest.Receiver
	into     source.Receiver                // in its place; nil: receiver
	connect  func(*address) (engine, error) // that of the source; nil: as it is
	points   source.Checkpoints
	saver    *source.Saver
	super    *lifecycle.Supervisor // nil: the source does not run
	logged   diary
	failures []error // of Run
}

// A diary is what the source has logged.
type diary struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *diary) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *diary) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// lines are those with text in them.
func (l *diary) lines(text string) (some []string) {
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			some = append(some, line)
		}
	}
	return some
}

// bubble runs f with an engine of the given generation, and a source that is
// yet to be started.
func bubble(t *testing.T, gen containertest.Generation, f func(r *rig)) {
	t.Helper()
	bubbleOf(t, containertest.Config{Generation: gen}, f)
}

// bubbleOf is bubble with an engine of any configuration.
func bubbleOf(t *testing.T, cfg containertest.Config, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := containertest.New(cfg)
		defer e.Close()
		r := &rig{TB: t, gen: cfg.Generation, engine: e, points: source.MemCheckpoints()}
		r.cfg.Dial = e.Dial
		f(r)
		if r.super != nil {
			r.stop()
		}
	})
}

// generations runs f with engines of both.
func generations(t *testing.T, f func(r *rig)) {
	for _, gen := range []containertest.Generation{containertest.Gen20, containertest.Gen26} {
		t.Run(gen.String(), func(t *testing.T) { bubble(t, gen, f) })
	}
}

// start runs the source, with the receiver of before.
func (r *rig) start() {
	r.Helper()
	src, err := New(r.cfg)
	if err != nil {
		r.Fatal(err)
	}
	if r.receiver == nil {
		r.receiver = &sourcetest.Receiver{}
	}
	r.src = src
	if r.connect != nil {
		src.plan.connect = r.connect
	}
	into := r.into
	if into == nil {
		into = r.receiver
	}
	if r.saver, err = source.NewSaver(context.Background(), r.points); err != nil {
		r.Fatal(err)
	}
	r.super = lifecycle.New(lifecycle.Config{Name: "rig"})
	out := source.NewOutlet(source.OutletConfig{
		Name: "source", Receiver: into, Saver: r.saver, Supervisor: r.super,
		Logger: slog.New(slog.NewTextHandler(&r.logged, nil)),
	})
	r.super.Start(lifecycle.Task{Name: "run", Restart: lifecycle.Restart{Min: 10 * time.Millisecond, Max: time.Second}, Run: func(ctx context.Context) error {
		err := out.Run(ctx, src)
		if ctx.Err() == nil {
			r.failures = append(r.failures, err)
		}
		return err
	}})
}

// stop ends the source, as the end of the program does.
func (r *rig) stop() {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.super.Close(ctx); err != nil {
		r.Error(err)
	}
	if err := r.saver.Save(context.Background()); err != nil {
		r.Error(err)
	}
	for _, err := range r.failures {
		r.Errorf("run failed: %v", err)
	}
	if err := r.receiver.Err(); err != nil {
		r.Error(err)
	}
	synctest.Wait() // the engine notices that a connection has closed
	if n := r.engine.Stats().Conns; n != 0 {
		r.Errorf("%d connections are left", n)
	}
	r.super = nil
}

// run is a container that runs.
func (r *rig) run(s containertest.Spec) *containertest.Container {
	r.Helper()
	c := r.engine.Create(s)
	if err := c.Start(); err != nil {
		r.Fatal(err)
	}
	return c
}

// settle lets d pass, and what it leads to.
func (r *rig) settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// attr is the value of an attribute, "" if there is none.
func attr(e *batch.Entry, key string) string {
	for _, a := range e.Attrs {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}

// delivered are the entries of a container so far, as "stream text".
func (r *rig) delivered(c *containertest.Container) (all []string) {
	for _, p := range r.receiver.Delivered() {
		for i := range p.Entries {
			if e := &p.Entries[i]; attr(e, "container_id") == c.ID() {
				all = append(all, attr(e, "stream")+" "+string(e.Line))
			}
		}
	}
	return all
}

// retained are the lines that the engine has of a container, in the same form.
func retained(c *containertest.Container) (all []string) {
	for _, l := range c.Retained() {
		text := l.Output.String() + " " + string(l.Text)
		if l.Torn {
			text = torn + text
		}
		all = append(all, text)
	}
	return all
}

// torn is in front of a line whose beginning the engine does not have any more.
const torn = "\x00torn "

// same reports whether a line that was delivered is the one that is retained.
func same(got, want string) bool {
	if rest, ok := strings.CutPrefix(want, torn); ok {
		out, text, _ := strings.Cut(rest, " ")
		return strings.HasPrefix(got, out+" ") && strings.HasSuffix(got, text)
	}
	return got == want
}

// check compares what was delivered of a container with what the engine has.
func (r *rig) check(c *containertest.Container, want []string) {
	r.Helper()
	got := r.delivered(c)
	if len(got) == len(want) {
		i := 0
		for i < len(got) && same(got[i], want[i]) {
			i++
		}
		if i == len(got) {
			return
		}
	}
	r.Errorf("%s: %d lines delivered, want %d: %s", c.Name(), len(got), len(want), difference(got, want))
}

func difference(got, want []string) string {
	i := 0
	for i < len(got) && i < len(want) && same(got[i], want[i]) {
		i++
	}
	at := func(s []string) string {
		var b strings.Builder
		for _, l := range s[min(i, len(s)):min(i+3, len(s))] {
			fmt.Fprintf(&b, " %.60q", l)
		}
		return b.String()
	}
	return fmt.Sprintf("from line %d on got%s, want%s", i, at(got), at(want))
}
