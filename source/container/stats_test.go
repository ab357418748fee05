package container

import (
	"slices"
	"testing"
	"time"

	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/container/containertest"
	"github.com/logferry/logferry/source/sourcetest"
)

// longEnough is how long a test waits for what must happen, on a machine that has other
// things to do.
const longEnough = 2 * time.Minute

// until waits for cond.
func until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(longEnough); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

// TestStatsDirect: what is read directly is shown as that, and by its name.
func TestStatsDirect(t *testing.T) {
	e := containertest.New(containertest.Config{})
	t.Cleanup(e.Close)
	for _, s := range []containertest.Spec{{Name: "a"}, {Name: "b", Driver: "local"}} {
		if err := e.Create(s).Start(); err != nil {
			t.Fatal(err)
		}
	}
	src, err := New(Config{Dial: e.Dial, Direct: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	session := sourcetest.Start(t, src, &sourcetest.Receiver{}, source.MemCheckpoints())
	var got []ContainerStats
	until(t, "both to be read", func() bool {
		got = src.Stats()
		return len(got) == 2 && !slices.ContainsFunc(got, func(s ContainerStats) bool { return s.State != Direct && s.State != Live })
	})
	if a, b := got[0], got[1]; a.Name != "a" || a.State != Direct || b.Name != "b" || b.State != Live {
		t.Errorf("%+v", got)
	}
	if err := session.Stop(); err != nil {
		t.Error(err)
	}
	if got := src.Stats(); len(got) > 0 {
		t.Errorf("shown though nothing runs: %+v", got)
	}
}
