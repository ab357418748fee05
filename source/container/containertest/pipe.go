package containertest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// idle is how many bytes of memory a pipe keeps while its reader waits for more. How
// far the reader was behind at some time is chance, and must not show in what a test
// finds in use.
const idle = 4 << 10

// A pipe is one direction of a connection: what one end writes, the other reads.
// All its waiting is on a condition, which a testing/synctest bubble knows to be
// waiting.
type pipe struct {
	mu   sync.Mutex
	cond sync.Cond
	size int // how much may be written and not read

	buf  []byte // buf[off:] is written and not read
	off  int
	shut bool // no more is written
	gone bool // no more is read

	readBy, writeBy deadline
}

func newPipe(size int) *pipe {
	p := &pipe{size: size}
	p.cond.L = &p.mu
	return p
}

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.gone:
			return 0, net.ErrClosed
		case p.readBy.passed:
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case p.off < len(p.buf):
			n := copy(b, p.buf[p.off:])
			if p.off += n; p.off == len(p.buf) {
				p.buf, p.off = p.buf[:0], 0
			}
			p.cond.Broadcast()
			return n, nil
		case p.shut:
			return 0, io.EOF
		}
		if cap(p.buf) > idle {
			p.buf = nil
		}
		p.cond.Wait()
	}
}

func (p *pipe) write(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch room := p.size - (len(p.buf) - p.off); {
		case p.shut:
			return n, net.ErrClosed
		case p.gone:
			return n, syscall.EPIPE
		case p.writeBy.passed:
			return n, os.ErrDeadlineExceeded
		case n == len(b):
			return n, nil
		case room > 0:
			if p.off > 0 && len(p.buf) == cap(p.buf) {
				p.buf, p.off = append(p.buf[:0], p.buf[p.off:]...), 0
			}
			part := b[n:min(len(b), n+room)]
			p.buf = append(p.buf, part...)
			n += len(part)
			p.cond.Broadcast()
			continue
		}
		p.cond.Wait()
	}
}

// shutDown is called when the writing end is closed: what was written can still
// be read.
func (p *pipe) shutDown() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = true
	p.writeBy.clear()
	p.cond.Broadcast()
}

// goAway is called when the reading end is closed. It reports whether it was
// open.
func (p *pipe) goAway() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return false
	}
	p.gone, p.buf, p.off = true, nil, 0
	p.readBy.clear()
	p.cond.Broadcast()
	return true
}

// limit sets one of the pipe's deadlines.
func (p *pipe) limit(d *deadline, t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d.clear()
	if p.shut && d == &p.writeBy || p.gone && d == &p.readBy {
		return
	}
	if wait := time.Until(t); t.IsZero() {
		return
	} else if wait > 0 {
		d.set(p, wait)
	} else {
		d.passed = true
	}
	p.cond.Broadcast()
}

// A deadline is the time until which one end of a pipe waits.
type deadline struct {
	passed bool
	timer  *time.Timer
}

// clear forgets the deadline. The pipe is locked.
func (d *deadline) clear() {
	if d.timer != nil {
		d.timer.Stop()
	}
	*d = deadline{}
}

// set lets the deadline pass after wait. The pipe is locked.
func (d *deadline) set(p *pipe, wait time.Duration) {
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		// A deadline that was set since has a timer of its own.
		if d.timer == timer {
			d.passed = true
			p.cond.Broadcast()
		}
	})
	d.timer = timer
}
