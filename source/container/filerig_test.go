package container

import (
	"context"
	"log/slog"
	"slices"
	"testing"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/sourcetest"
)

// A fileRig is a direct at work on a folder.
type fileRig struct {
	testing.TB
	root     string
	plan     *plan
	direct   *direct
	receiver *sourcetest.Receiver
	session  *sourcetest.Session
	points   source.Checkpoints
	register *register
	log      diary
}

func newFileRig(t testing.TB, cfg Config) *fileRig {
	t.Helper()
	if cfg.Direct == "" {
		cfg.Direct = t.TempDir()
	}
	b := &fileRig{TB: t, root: cfg.Direct, receiver: &sourcetest.Receiver{}, points: source.MemCheckpoints(), register: newRegister()}
	var err error
	if b.plan, err = prepare(cfg); err != nil {
		t.Fatal(err)
	}
	return b
}

// start begins a program.
func (b *fileRig) start() {
	b.Helper()
	var err error
	if b.direct, err = newDirect(b.plan); err != nil {
		b.Fatal(err)
	}
	b.session = sourcetest.Start(b.TB, source.Func(b.direct.run), b.receiver, b.points)
}

// stop ends it.
func (b *fileRig) stop() {
	b.Helper()
	if err := b.session.Stop(); err != nil {
		b.Error(err)
	}
	for _, err := range b.session.Failures() {
		b.Errorf("run failed: %v", err)
	}
}

// admit tells of a container, as is done when the engine has told of it.
func (b *fileRig) admit(l *jsonLog) {
	b.Helper()
	d := l.details()
	w, _ := b.register.identify(b.plan, &d.summary)
	log := slog.New(slog.NewTextHandler(&b.log, nil)).With(slog.String("container", d.name))
	if !b.direct.admit(d, w, log) {
		b.Errorf("%s was not admitted", d.name)
	}
}

// delivered are the entries of a container so far, as "stream text".
func (b *fileRig) delivered(l *jsonLog) (all []string) {
	for _, e := range b.entries(l) {
		all = append(all, attr(&e, attrStream)+" "+string(e.Line))
	}
	return all
}

func (b *fileRig) entries(l *jsonLog) (all []batch.Entry) {
	for _, p := range b.receiver.Delivered() {
		for _, e := range p.Entries {
			if attr(&e, "container_id") == l.id {
				all = append(all, e)
			}
		}
	}
	return all
}

// await waits until all of each log was delivered, and then wants it once and in
// order.
func (b *fileRig) await(logs ...*jsonLog) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), longEnough)
	defer cancel()
	for _, l := range logs {
		b.receiver.Wait(ctx, func() bool { return len(b.delivered(l)) >= len(l.want) })
		b.check(l)
	}
}

func (b *fileRig) check(l *jsonLog) {
	b.Helper()
	if got := b.delivered(l); !slices.Equal(got, l.want) {
		b.Errorf("%s: %d lines, want %d: %s\n%s", l.id[60:], len(got), len(l.want), difference(got, l.want), &b.log)
		b.Logf("%+v", b.direct.tail.Stats())
	}
}
