package pipeline

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/logferry/logferry/batch"
)

// checkCursors checks that no cursor stands beyond a line that has not met its
// fate.
func (w *world) checkCursors() {
	for key, cursor := range w.cursors.All(w.t.Context()) {
		name, stream, _ := strings.Cut(key, "/")
		n, err := strconv.Atoi(cursor)
		if err != nil {
			w.t.Fatalf("cursor %q of %s", cursor, key)
		}
		for i := range n {
			if l := (line{name, stream, i, false}); !w.accounted(l) {
				w.t.Errorf("life %d: the cursor of %s is %d, but %v", w.life, key, n, w.why(l))
				return
			}
		}
	}
}

// accounted reports whether a line has met its fate.
func (w *world) accounted(l line) bool { return w.why(l) == "" }

func (w *world) why(l line) string {
	w.mu.Lock()
	failed := w.failed[l]
	w.mu.Unlock()
	if w.filtered(l) || failed {
		return ""
	}
	for _, g := range w.rigs {
		if g.lossy || g.third >= 0 && g.third != l.n%3 {
			continue
		}
		if why := w.reached(g, l); why != "" {
			return why
		}
	}
	return ""
}

// reached says how a line missed one route.
func (w *world) reached(g rig, l line) string {
	s := w.sinks[g.sink]
	if s.has(l) {
		return ""
	}
	if !s.refuses(l) {
		return fmt.Sprintf("%v was not delivered to %s of route %s", l, s.name, g.Name)
	}
	if g.letters < 0 {
		return ""
	}
	if d := w.sinks[g.letters]; !d.has(l) && !d.refuses(l) {
		return fmt.Sprintf("%v was refused by %s, and is no dead letter of route %s", l, s.name, g.Name)
	}
	return ""
}

func (s *wildSink) has(l line) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[l] > 0
}

func (s *wildSink) refuses(l line) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.no[l] || s.panics[l] >= maxPanics
}

// checkAll looks at everything when the last life is over.
func (w *world) checkAll() {
	for name, s := range w.sources {
		for _, stream := range s.streams {
			if got := w.cursor(name + "/" + stream); got != strconv.Itoa(s.total) {
				w.t.Errorf("cursor of %s/%s is %q at the end, want %d", name, stream, got, s.total)
			}
		}
	}
	for i, s := range w.sinks {
		w.checkTwice(i, s)
		w.checkOrder(s)
	}
}

func (w *world) cursor(key string) string {
	for k, v := range w.cursors.All(w.t.Context()) {
		if k == key {
			return v
		}
	}
	return ""
}

// checkTwice checks that nothing was delivered twice without a reason.
func (w *world) checkTwice(i int, s *wildSink) {
	for l, n := range s.count {
		routes := 0
		for _, g := range w.rigs {
			if g.sink == i {
				routes++
			}
			if g.letters == i {
				routes++
			}
		}
		if n > routes && !w.repeated[l.source] && !s.again[l] {
			w.t.Errorf("%s took %v %d times of %d, and nobody asked it to", s.name, l, n, routes)
			return
		}
	}
}

// checkOrder checks that the lines of each label set came in order, if nothing
// had to be sent again.
func (w *world) checkOrder(s *wildSink) {
	last := map[batch.Labels]int{}
	for _, l := range s.took {
		if s.sharers > 1 || l.added || w.repeated[l.source] || s.maimed[l.source+l.stream] || w.fails > 0 {
			continue
		}
		if before, ok := last[l.labels()]; ok && l.n <= before {
			w.t.Errorf("%s: %v came after %d", s.name, l, before)
			return
		}
		last[l.labels()] = l.n
	}
}
