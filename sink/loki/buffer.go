package loki

import (
	"bytes"
	"io"
	"io/fs"
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
	r.in.Reset(b.b)
	return r
}

// A body may be closed during a Read, as net/http does with that of an HTTP/2 request which it gives up: the memory is
// not the next one's before that Read is over, nor can there be another.
type body struct {
	mu  sync.Mutex
	in  bytes.Reader
	buf *buffer // nil: closed
}

func (r *body) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.buf == nil {
		return 0, fs.ErrClosed
	}
	return r.in.Read(p)
}

func (r *body) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.buf != nil {
		r.buf.release()
		r.buf = nil
	}
	return nil
}
