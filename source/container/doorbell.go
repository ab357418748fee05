package container

import (
	"slices"
	"sync"
	"time"
)

// A doorbell takes events, never makes their reader wait, and keeps what they
// tell until discovery comes to look: of each container once, however much
// happens to it meanwhile. The reader must not wait since engines leave out,
// silently, subscribers that do (moby: for 100 ms).
type doorbell struct {
	// rung holds a token while there is something to look at.
	rung chan struct{}

	mu    sync.Mutex
	open  bool // since the last look
	news  []*news
	index map[string]*news
	count int // of all events
	last  time.Time
}

// news is what events told of one container since the last look.
type news struct {
	id    string
	why   []reason // each once, by when it was told last
	state string   // that follows from the last event that tells one, see unsure; "": none did
	at    time.Time
	gone  bool
}

func newDoorbell() *doorbell {
	return &doorbell{rung: make(chan struct{}, 1), index: map[string]*news{}}
}

// note is what an engine's events are given to.
func (b *doorbell) note(e event) {
	b.mu.Lock()
	if e.action == "" {
		b.open = true
	} else {
		b.count++
		if !e.at.IsZero() {
			b.last = e.at // not the latest: the engine's clock may have been set back
		}
		b.tell(e)
	}
	b.mu.Unlock()
	tell(b.rung)
}

// tell merges e into the news of its container.
func (b *doorbell) tell(e event) {
	why, state, ok := e.meaning()
	if !ok && state == "" && !e.removal() {
		return
	}
	n := b.index[e.id]
	if n == nil {
		n = &news{id: e.id}
		b.index[e.id] = n
		b.news = append(b.news, n)
	}
	if n.gone {
		return // what comes now has come late: ids are not used again
	}
	if state != "" {
		if n.state = state; e.at.Before(n.at) {
			n.state = unsure
		} else {
			n.at = e.at
		}
	}
	if ok {
		n.why = append(slices.DeleteFunc(n.why, func(r reason) bool { return r == why }), why)
	}
	n.gone = e.removal()
}

// take returns the news, and whether the stream has opened, since the last time.
func (b *doorbell) take() (all []*news, opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all, opened = b.news, b.open
	b.news, b.open = nil, false
	clear(b.index)
	return all, opened
}

// heard returns how many events there were, and when, by the engine's clock, the
// last one was.
func (b *doorbell) heard() (int, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count, b.last
}
