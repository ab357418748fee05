package pipeline

import "sync"

// An inbox takes parts from any goroutine without making it wait. The byte
// budget bounds it, and for copies, which that does not count, BufferBytes.
type inbox struct {
	mu     sync.Mutex
	parts  []part
	held   int // memory the parts keep
	lost   int // entries there was no room for
	closed bool
}

// put returns the parts there is no room for: the oldest of all, or those that
// come. Limit is 0 for no limit.
func (in *inbox) put(parts []part, limit int, oldest bool) (over []part, closed bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return parts, true
	}
	for _, p := range parts {
		for limit > 0 && oldest && in.held > 0 && in.held+p.cost() > limit {
			in.held -= in.parts[0].cost()
			in.lost += in.parts[0].entries()
			over = append(over, in.parts[0])
			in.parts[0] = part{}
			in.parts = in.parts[1:]
		}
		if limit > 0 && in.held > 0 && in.held+p.cost() > limit {
			in.lost += p.entries()
			over = append(over, p)
			continue
		}
		in.parts = append(in.parts, p)
		in.held += p.cost()
	}
	return over, false
}

// take empties the inbox. empty is memory for what comes next: the owner takes
// turns with two slices.
func (in *inbox) take(empty []part) (parts []part, lost int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	parts, lost = in.parts, in.lost
	in.parts, in.held, in.lost = empty, 0, 0
	return parts, lost
}

// close returns what is left. Nothing is taken any more.
func (in *inbox) close() []part {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	parts := in.parts
	in.parts = nil
	return parts
}
