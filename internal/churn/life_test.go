package churn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/enginetest"
	"github.com/logferry/logferry/internal/enginetest/chat"
)

// A life is one container: what it is, and what has arrived of it.
type life struct {
	enginetest.Spec
	runs    int           // how often it is started
	stopped time.Duration // after which it is ended; 0: it ends by itself
	hasty   bool          // it is removed as soon as it has ended
	labels  batch.Labels

	id      string
	ledger  enginetest.Ledger
	arrived chan struct{} // something has, since somebody looked

	mu    sync.Mutex
	wrong []string // entries that tell something else of their container, some of them
}

const (
	minLife, maxLife = 50 * time.Millisecond, 20 * time.Second
	image            = "logferry/churn:1"
)

// random makes up the n-th life for an engine.
func random(rng *rand.Rand, n int, version string) *life {
	l := &life{runs: 1, hasty: one(rng, 5), arrived: make(chan struct{}, 1)}
	l.Name, l.Image = fmt.Sprintf("churn-%03d", n), image
	l.Driver = []string{"json-file", "local"}[n%2]
	l.Tty = one(rng, 4)
	l.labels = batch.MustLabels("container", l.Name, "image", l.Image)
	if one(rng, 3) {
		l.Spec.Labels = map[string]string{"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
		l.labels = batch.MustLabels("container", l.Name, "image", l.Image, "compose_project", "shop", "compose_service", "web")
	}
	long := one(rng, 3) && (!l.Tty || l.Driver != "local" || version != "20.10") // see Retained
	l.script(rng, long)
	l.rotate(rng, long)
	switch {
	case one(rng, 8):
		l.stopped = l.Script.Live / 2
		l.Script.Live = -1
	case one(rng, 8) && !l.Script.Unended: // with a tty nobody could tell where the second run begins
		l.runs = 2
	}
	return l
}

// script makes up what it writes, and for how long.
func (l *life) script(rng *rand.Rand, long bool) {
	live := time.Duration(float64(minLife) * math.Pow(float64(maxLife)/float64(minLife), rng.Float64()))
	s := enginetest.Script{Lines: []int{1, 20, 300, 3000, 12000}[rng.IntN(5)], Sizes: []int{60, 250, 30, 100}, Live: live}
	if long {
		s.Lines = min(s.Lines, 300)
		s.Sizes = []int{100, 16383, 50, 16384, 16385, 100, 40_000, 70, 32768, 49_153}
	}
	if one(rng, 2) {
		s.Stderr = 3
	}
	if one(rng, 4) {
		s.Odd = 7
	}
	s.Unended = one(rng, 6) && !(l.Tty && s.Stderr > 0) // the end of one output must not be followed by the other
	// In as many bursts as there is time for one each 20 ms.
	bursts := max(1, min(s.Lines, int(live/(20*time.Millisecond))))
	s.Burst = (s.Lines + bursts - 1) / bursts
	s.Every = live / time.Duration(bursts)
	l.Script = s
}

// rotate makes up how its log is kept.
func (l *life) rotate(rng *rand.Rand, long bool) {
	if one(rng, 2) {
		return
	}
	files := []string{"2", "3", "10", enough}[rng.IntN(4)]
	if long {
		files = enough // otherwise the first thing that is retained might be the rest of a line
	}
	l.Options = map[string]string{"max-size": "100k", "max-file": files}
}

// enough files hold all that any container writes.
const enough = "500"

// complete reports whether the engine should retain all that the script says, if it was not restarted meanwhile: what it
// has read of a line, and not stored, is gone then.
func (l *life) complete() bool {
	return l.stopped == 0 && (l.Options == nil || l.Options["max-file"] == enough)
}

func one(rng *rand.Rand, in int) bool { return rng.IntN(in) == 0 }

// take notes an entry that was delivered.
func (l *life) take(e *batch.Entry, labels batch.Labels) {
	output := byte(chat.Stdout)
	if attr(e, "stream") == "stderr" {
		output = chat.Stderr
	}
	l.ledger.Take(l.id, output, l.Tty, e.Line)
	if labels != l.labels || attr(e, "stream") == "" || attr(e, "truncated") != "" || e.Time.IsZero() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.wrong) < 3 {
			l.wrong = append(l.wrong, fmt.Sprintf("%v %v %v %.60q, want %v", e.Time, labels, e.Attrs, e.Line, l.labels))
		}
	}
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

// kind says which sort of life it is, for what is printed.
func (l *life) kind() string {
	kind := l.Driver
	if size := l.Options["max-size"]; size != "" {
		kind += " " + size + "x" + l.Options["max-file"]
	}
	if l.Tty {
		kind += " tty"
	}
	if l.hasty {
		kind += " removed at once"
	}
	s := l.Script
	return fmt.Sprintf("%s of %s: %s, %d runs, stopped after %v, %d lines of %v, live %v, burst %d, stderr %d, odd %d, unended %v",
		l.Name, short(l.id), kind, l.runs, l.stopped, s.Lines, s.Sizes, s.Live, s.Burst, s.Stderr, s.Odd, s.Unended)
}

func short(id string) string { return id[:min(12, len(id))] }
