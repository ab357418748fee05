package batch

// An arena hands out byte slices that never move, cut from blocks that are
// given back together.
type arena struct {
	pool   *Pool
	blocks []*block
	first  [2]*block // where blocks begins: few batches need more
	held   int       // capacity of all blocks
}

// maxStep bounds how far blocks grow by doubling: beyond it, memory reserved
// ahead of need would weigh more than the blocks it saves.
const maxStep = 64 << 10

// take returns n bytes with capacity n.
func (a *arena) take(n int) []byte {
	if n == 0 {
		return []byte{}
	}
	last := a.last()
	if last == nil || cap(last.b)-len(last.b) < n {
		last = a.grow(n)
	}
	at := len(last.b)
	last.b = last.b[:at+n]
	return last.b[at : at+n : at+n]
}

func (a *arena) last() *block {
	if len(a.blocks) == 0 {
		return nil
	}
	return a.blocks[len(a.blocks)-1]
}

// grow adds a block for n bytes. The first one fits what is asked, so that a
// batch of one short line is small; later ones double, so that a batch built
// line by line has few.
func (a *arena) grow(n int) *block {
	k := a.pool.takeBytes(max(n, min(a.held, maxStep)))
	if a.blocks == nil {
		a.blocks = a.first[:0]
	}
	a.blocks = append(a.blocks, k)
	a.held += cap(k.b)
	return k
}

func (a *arena) release() {
	for _, k := range a.blocks {
		a.pool.giveBytes(k)
	}
	a.blocks, a.first, a.held = nil, [2]*block{}, 0
}
