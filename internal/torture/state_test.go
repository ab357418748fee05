package torture

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// logged reports whether the children have logged text.
func (w *world) logged(text string) bool {
	w.t.Helper()
	all, err := os.ReadFile(w.log.Name())
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Contains(string(all), text)
}

// deliver waits until all that was written has been delivered.
func (w *world) deliver() {
	w.t.Helper()
	w.wait("all lines", func() bool {
		w.l.take(w.child)
		return len(w.l.lost()) == 0
	})
}

// TestRenamedOutOfThePattern: a file that leaves the pattern while nobody looks, by a name that has nothing in common
// with its own, is found by what it is, among all files of its folder.
func TestRenamedOutOfThePattern(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "app.log")
	w.settle()
	for i := range kills(2, 4, 20) {
		w.a.play(time.Hour, w.moments(200))
		w.kill()
		w.a.play(time.Hour, 20*time.Millisecond)
		name := w.a.path + ".d" + strings.Repeat("x", i)
		if err := os.Rename(w.a.path, strings.Replace(name, "app.log", "elsewhere", 1)); err != nil {
			t.Fatal(err)
		}
		w.a.tell("renamed out of the pattern behind line %d", w.a.n)
		w.a.late = append(w.a.late, straggler{w.a.f, w.a.now(), time.Now().Add(lingering)})
		w.a.open()
		w.a.play(time.Hour, w.moments(200))
		w.start()
		w.deliver()
		w.sameCursor()
	}
	w.finish()
}

// sameCursor waits until the present file has a cursor: what was never seen could not be found elsewhere.
func (w *world) sameCursor() {
	w.t.Helper()
	w.wait("a cursor of the present file", func() bool {
		for name, cursor := range readCursors(w.t, w.state) {
			if g, lines, ok := w.l.place(name, cursor); ok && g == w.a.now() && lines > 0 {
				return true
			}
		}
		return false
	})
}

// TestDamagedCheckpoints damages the file of cursors between two children, in all ways a disk has: the generation before
// is used, this is said, and nothing is lost. What comes again is what lies beyond the cursors that were used.
func TestDamagedCheckpoints(t *testing.T) {
	for name, damage := range map[string]func(data []byte) []byte{
		"zeros":     func(data []byte) []byte { return make([]byte, len(data)) },
		"garbage":   func([]byte) []byte { return []byte("this is not what was saved\n") },
		"truncated": func(data []byte) []byte { return data[:10] },
		"one bit": func(data []byte) []byte {
			data[bytes.IndexByte(data, '\n')+4] ^= 4 // of the second line: a bad last one is what a crash leaves of a Save
			return data
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "app.log")
			w.settle()
			for range 2 { // so that there is a generation before
				w.a.play(time.Hour, 300*time.Millisecond)
				w.deliver()
				w.sameCursor()
				w.kill()
				w.start()
			}
			w.a.play(50*time.Millisecond, 600*time.Millisecond)
			w.wait("the generation before", func() bool { // its first Save may take its time
				_, err := os.Stat(w.state + ".prev")
				return err == nil
			})
			w.child.kill()
			w.ended()
			data, err := os.ReadFile(w.state)
			if err == nil {
				err = os.WriteFile(w.state, damage(data), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			w.l.saved = nil // those cursors are gone
			beyond := w.l.measure(w.state)
			t.Logf("%d lines lie beyond the cursors of the generation before", beyond)
			w.start()
			w.a.play(50*time.Millisecond, 300*time.Millisecond)
			w.finish()
			if !w.logged("checkpoints were damaged") {
				t.Error("the damage was not reported")
			}
		})
	}
}
