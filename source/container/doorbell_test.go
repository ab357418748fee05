package container

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestDoorbell: what happens while nobody looks is told once.
func TestDoorbell(t *testing.T) {
	b := newDoorbell()
	at := time.Unix(1000, 0)
	for i, actions := range []string{"start die start die", "die destroy start", "rename pause", "start die rename start", "create exec_die", "start"} {
		for action := range strings.FieldsSeq(actions) {
			b.note(event{action: action, id: fmt.Sprint(i), at: at})
			at = at.Add(1)
		}
	}
	<-b.rung
	select {
	case <-b.rung:
		t.Error("rung twice")
	default:
	}
	got, opened := b.take()
	if opened {
		t.Error("opened")
	}
	var text []string
	for _, n := range got {
		text = append(text, fmt.Sprint(n.id, n.why, n.state, n.gone))
	}
	want := fmt.Sprint([]string{
		fmt.Sprint("0", []reason{started, ended}, "exited", false),
		fmt.Sprint("1", []reason{ended}, "exited", true),
		fmt.Sprint("2", []reason{renamed}, "paused", false),
		fmt.Sprint("3", []reason{ended, renamed, started}, "running", false),
		fmt.Sprint("5", []reason{started}, "running", false),
	})
	if fmt.Sprint(text) != want {
		t.Errorf("got  %v\nwant %s", text, want)
	}
	if n, last := b.heard(); n != 16 || !last.Equal(at.Add(-1)) {
		t.Errorf("%d events, the last at %v", n, last)
	}
	b.note(event{action: "start", id: "a", at: at})
	b.note(event{action: "die", id: "a", at: at.Add(-1)})
	if got, _ := b.take(); len(got) != 1 || got[0].state != unsure {
		t.Errorf("got %+v", got[0])
	}
	b.note(event{})
	if got, opened := b.take(); len(got) > 0 || !opened {
		t.Errorf("%v, opened %v", got, opened)
	}
}
