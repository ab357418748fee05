package loki

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// A keeper is a Loki of one stream that keeps the time as the real one does: it refuses what is too old, too new or too
// far behind, stores what it has already only once, and has accidents.
type keeper struct {
	t *testing.T

	age, ahead, behind time.Duration

	// accident says what happens to a request beside being taken in; nil: nothing.
	accident func() accident
	// pushed is told of every entry that arrives.
	pushed func(pushedEntry)

	mu      sync.Mutex
	highest time.Time
	stored  map[string][]pushedEntry // by line, each entry once
}

type accident int

const (
	none accident = iota
	lostAnswer
	lostRequest
	unavailable
	streamRate
	tenantLimit
)

func newKeeper(t *testing.T) *keeper {
	return &keeper{
		t: t, age: defaultMaxAge, ahead: defaultMaxAhead, behind: defaultMaxBehind,
		accident: func() accident { return none }, pushed: func(pushedEntry) {}, stored: map[string][]pushedEntry{},
	}
}

func (k *keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	streams, _, err := decodeBody(body)
	if err != nil {
		k.t.Error(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	what := k.accident()
	switch what {
	case lostRequest:
		panic(http.ErrAbortHandler)
	case unavailable:
		http.Error(w, "empty ring", http.StatusInternalServerError)
		return
	case streamRate:
		http.Error(w, "entry with timestamp x ignored, reason: 'Per stream rate limit exceeded (limit: 3MB/sec)', ", http.StatusTooManyRequests)
		return
	case tenantLimit:
		http.Error(w, tenantRate(10, 1000), http.StatusTooManyRequests)
		return
	}
	says := ""
	for _, s := range streams { // all of the same labels, if they are several
		says = cmp.Or(k.push(s), says)
	}
	if what == lostAnswer {
		panic(http.ErrAbortHandler)
	}
	if says != "" {
		http.Error(w, says, http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// poison begins a line that is refused for a reason nobody understands.
const poison = "poison"

func (k *keeper) push(s pushedStream) (says string) {
	m := newModel(s.labels)
	m.now, m.highest = time.Now(), k.highest
	m.oldest, m.newest, m.window = k.age, k.ahead, k.behind
	poisoned := false
	good := s.entries[:0:0]
	for _, e := range s.entries {
		k.pushed(e)
		if strings.HasPrefix(e.line, poison) {
			poisoned = true
			continue
		}
		good = append(good, e)
	}
	says = m.push(good)
	k.highest = m.highest
	for _, e := range good {
		if m.stored[m.key(e)] {
			k.store(e)
		}
	}
	switch {
	case !poisoned || strings.HasPrefix(says, "entry with timestamp "): // which hides the others
		return says
	case says == "":
		return "something is wrong"
	}
	return says + "; 1 errors like: something is wrong"
}

// store keeps e unless it is there: same time, same line, same attributes.
func (k *keeper) store(e pushedEntry) {
	key := fmt.Sprint(e)
	for _, has := range k.stored[e.line] {
		if fmt.Sprint(has) == key {
			return
		}
	}
	k.stored[e.line] = append(k.stored[e.line], e)
}

// set has every request meet the accident a from now on.
func (k *keeper) set(a accident) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.accident = func() accident { return a }
}

// of returns what is stored of a line.
func (k *keeper) of(line string) []pushedEntry {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.stored[line]
}

// originalOf returns the own time of a stored entry.
func originalOf(t *testing.T, e pushedEntry) (own time.Time, clamped bool) {
	t.Helper()
	for _, a := range e.metadata {
		if a.Key == originalTime {
			own, err := time.Parse(time.RFC3339Nano, a.Value)
			if err != nil {
				t.Error(err)
			}
			return own, true
		}
	}
	return e.time, false
}
