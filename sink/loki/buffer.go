package loki

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
)

// maxKept is the capacity beyond which a buffer is left to the garbage collector.
const maxKept = 8 << 20

// A buffer is a piece of memory that goes back to its pool when nobody uses it any more. net/http may go on reading a
// request body after its exchange has ended, so the uses are counted.
type buffer struct {
	b     []byte
	pool  *bufferPool
	users atomic.Int32
}

// A bufferPool recycles plain memory. The zero bufferPool is ready for use.
type bufferPool struct{ pool sync.Pool }

// take returns an empty buffer that can hold n bytes, with one user.
func (p *bufferPool) take(n int) *buffer {
	buf, ok := p.pool.Get().(*buffer)
	if !ok {
		buf = &buffer{pool: p}
	}
	buf.reserve(n)
	buf.users.Store(1)
	return buf
}

// reserve empties b and sees to it that it can hold n bytes.
func (b *buffer) reserve(n int) {
	if cap(b.b) < n {
		b.b = make([]byte, 0, n)
	}
	b.b = b.b[:0]
}

// Write appends p. It never fails.
func (b *buffer) Write(p []byte) (int, error) {
	b.b = append(b.b, p...)
	return len(p), nil
}

// release drops one user.
func (b *buffer) release() {
	if b.users.Add(-1) == 0 && cap(b.b) <= maxKept {
		b.pool.pool.Put(b)
	}
}

// body returns a reader of b that is one more user of it until it is closed.
func (b *buffer) body() io.ReadCloser {
	b.users.Add(1)
	r := &body{buf: b}
	r.Reset(b.b)
	return r
}

type body struct {
	bytes.Reader
	buf    *buffer
	closed atomic.Bool
}

func (r *body) Close() error {
	if r.closed.CompareAndSwap(false, true) {
		r.buf.release()
	}
	return nil
}
