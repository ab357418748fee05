package batch

import (
	"math/bits"
	"sync"
)

// A Pool recycles the plain memory of settled batches: their bytes and entry
// headers, never the Batch itself, so that a stale reference cannot reach
// somebody else's batch.
//
// The zero Pool is ready for use, and so is a nil *Pool, which recycles
// nothing. Safe for concurrent use; not to be copied.
type Pool struct {
	// MaxKeep is the largest piece of memory worth keeping, in bytes; larger
	// ones are left to the garbage collector, so that one giant line does not
	// stay resident. Pieces that are kept are powers of two (in bytes, or in
	// entries). Zero means 1 MiB.
	MaxKeep int
	// Poison overwrites released bytes with 0xDB. It costs a write of all
	// released memory and is meant for tests.
	Poison bool

	bytes   [maxClass + 1]sync.Pool // of *block, by class of capacity
	headers [maxClass + 1]sync.Pool // of *headers, by class of length
}

// PoisonByte is what a Pool with Poison set fills released memory with.
const PoisonByte = 0xDB

const (
	defaultMaxKeep = 1 << 20
	minBlock       = 256
	maxClass       = 30
)

// A block and a headers are boxed slices: a sync.Pool of bare slices would
// allocate one slice header per Put.
type block struct{ b []byte }

type headers struct {
	e     []Entry
	older *headers // the smaller box of the same batch that this one replaced
}

// classOf is the smallest class whose members hold n.
func classOf(n int) int { return min(bits.Len(uint(max(n, 1)-1)), maxClass) }

func (p *Pool) maxKeep() int {
	if p.MaxKeep > 0 {
		return p.MaxKeep
	}
	return defaultMaxKeep
}

// takeBytes returns an empty block with room for at least n bytes.
func (p *Pool) takeBytes(n int) *block {
	n = max(n, minBlock)
	c := classOf(n)
	if p == nil || n > 1<<c || 1<<c > p.maxKeep() {
		return &block{make([]byte, 0, n)} // never to be kept: no larger than asked
	}
	if k, ok := p.bytes[c].Get().(*block); ok {
		return k
	}
	return &block{make([]byte, 0, 1<<c)}
}

func (p *Pool) giveBytes(k *block) {
	if p == nil {
		return
	}
	if p.Poison {
		full := k.b[:cap(k.b)]
		for i := range full {
			full[i] = PoisonByte
		}
	}
	c := classOf(cap(k.b))
	if cap(k.b) > p.maxKeep() || cap(k.b) != 1<<c {
		return
	}
	k.b = k.b[:0]
	p.bytes[c].Put(k)
}

// takeHeaders returns a box whose empty slice has room for at least n entries.
func (p *Pool) takeHeaders(n int) *headers {
	c := classOf(n)
	if p == nil || n > 1<<c || 1<<c > p.maxKeep()/HeaderBytes {
		return &headers{e: make([]Entry, 0, n)}
	}
	if h, ok := p.headers[c].Get().(*headers); ok {
		return h
	}
	return &headers{e: make([]Entry, 0, 1<<c)}
}

func (p *Pool) giveHeaders(h *headers) {
	// Entries hold pointers: cleared, they keep nothing else alive.
	clear(h.e[:cap(h.e)])
	h.older = nil
	if p == nil {
		return
	}
	c := classOf(cap(h.e))
	if cap(h.e) > p.maxKeep()/HeaderBytes || cap(h.e) != 1<<c {
		return
	}
	h.e = h.e[:0]
	p.headers[c].Put(h)
}
