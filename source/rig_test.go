package source_test

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/sourcetest"
)

// A rig is an outlet with a receiver behind it and no source running.
type rig struct {
	t     *testing.T
	r     *sourcetest.Receiver
	store source.Checkpoints
	saver *source.Saver
	super *lifecycle.Supervisor
	out   *source.Outlet
}

const rigName = "shop"

func newRig(t *testing.T) *rig {
	return newRigOn(t, source.MemCheckpoints())
}

func newRigOn(t *testing.T, c source.Checkpoints) *rig {
	saver, err := source.NewSaver(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, r: new(sourcetest.Receiver), store: c, saver: saver, super: lifecycle.New(lifecycle.Config{Name: "test"})}
	g.out = source.NewOutlet(source.OutletConfig{Name: rigName, Receiver: g.r, Saver: saver, Supervisor: g.super})
	t.Cleanup(func() {
		if err := g.super.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := g.r.Err(); err != nil {
			t.Error(err)
		}
		if n := g.r.Hastened(); n != 0 {
			t.Errorf("%d calls of Hasten were not ended", n)
		}
	})
	return g
}

func (g *rig) open(name string) *source.Stream {
	g.t.Helper()
	s, err := g.out.Open(g.t.Context(), name, batch.MustLabels("stream", name))
	if err != nil {
		g.t.Fatal(err)
	}
	return s
}

// send sends a batch of the given lines and returns its parcel.
func (g *rig) send(s *source.Stream, next string, lines ...string) *sourcetest.Parcel {
	g.t.Helper()
	if err := trySend(g.t.Context(), s, next, lines...); err != nil {
		g.t.Fatal(err)
	}
	all := g.r.Arrived()
	return all[len(all)-1]
}

func trySend(ctx context.Context, s *source.Stream, next string, lines ...string) error {
	b := s.NewBatch()
	for _, l := range lines {
		b.Append(time.Time{}, []byte(l))
	}
	return s.Send(ctx, b, next)
}

// stored saves and returns what the store has then.
func (g *rig) stored() map[string]string {
	g.t.Helper()
	if err := g.saver.Save(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
	return maps.Collect(g.store.All(g.t.Context()))
}

func (g *rig) wantCursor(s *source.Stream, want string) {
	g.t.Helper()
	if got := s.Cursor(); got != want {
		g.t.Errorf("cursor is %q, want %q", got, want)
	}
	saved, ok := g.stored()[rigName+"/"+s.Name()]
	if saved != want || ok != (want != "") {
		g.t.Errorf("stored cursor is %q, want %q", saved, want)
	}
}
