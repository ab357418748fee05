package lifecycletest

import (
	"bytes"
	"cmp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A goroutine is one paragraph of a traceback.
type goroutine struct {
	id    int
	stack string
}

// goroutines returns all goroutines but the calling one and those the runtime and the testing package keep for
// themselves, in the order in which they were made.
func goroutines() []goroutine {
	var list []goroutine
	for i, stack := range bytes.Split(traceback(), []byte("\n\n")) {
		// The first paragraph is the caller's.
		if g, ok := parse(string(stack)); ok && i > 0 && !g.standing() {
			list = append(list, g)
		}
	}
	slices.SortFunc(list, func(a, b goroutine) int { return cmp.Compare(a.id, b.id) })
	return list
}

// traceback returns the stacks of all goroutines, the caller's first.
func traceback() []byte {
	for size := 64 << 10; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size {
			return bytes.TrimSpace(buf[:n])
		}
	}
}

// parse reads a paragraph that begins like "goroutine 7 [chan receive]:".
func parse(stack string) (goroutine, bool) {
	rest, ok := strings.CutPrefix(stack, "goroutine ")
	if !ok {
		return goroutine{}, false
	}
	digits, _, _ := strings.Cut(rest, " ")
	id, err := strconv.Atoi(digits)
	return goroutine{id, stack}, err == nil
}

// standing reports whether g is one of those that come at a time of their own choosing and are not the test's doing: other
// tests and what else package testing runs, the signal loop, finalizers, profilers.
func (g goroutine) standing() bool {
	for _, maker := range []string{"testing.", "os/signal.", "runtime.", "runtime/"} {
		if strings.Contains(g.stack, "\ncreated by "+maker) {
			return true
		}
	}
	return false
}

// A baseline is the set of goroutines there were at some moment.
type baseline map[int]bool

func takeBaseline() baseline {
	b := baseline{}
	for _, g := range goroutines() {
		b[g.id] = true
	}
	return b
}

// newcomers waits until no goroutine is left that b does not have, but no longer than patience, and returns those that
// are. A goroutine needs a moment after its last visible deed, so that looking once would not do.
func (b baseline) newcomers(patience time.Duration) []goroutine {
	deadline := time.Now().Add(patience)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		left := slices.DeleteFunc(goroutines(), func(g goroutine) bool { return b[g.id] })
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		time.Sleep(pause)
	}
}

// text joins the stacks.
func text(list []goroutine) string {
	var b strings.Builder
	for _, g := range list {
		b.WriteString("\n" + g.stack + "\n")
	}
	return b.String()
}
