package loki

import (
	"sync"
	"time"
)

// A pace is a leaky bucket that tells how fast a stream has been sent of late.
type pace struct {
	mu    sync.Mutex
	level int // bytes
	at    time.Time
}

const (
	// paceDrain is the rate, in bytes per second, at which a stream can go for ever without being called fast. It is
	// below the 1.5 MB/s at which Loki divides a stream up, and the 3 MB/s that it allows one.
	paceDrain = 1 << 20
	// paceBurst is how many bytes may be ahead of that. Loki allows a burst of 15 MB.
	paceBurst = 4 << 20
	// paceDivided is how many may be until Loki has possibly divided the stream up, which takes it a second or two.
	paceDivided = paceDrain / 2
)

// add counts n bytes that are about to be sent at now.
func (p *pace) add(n int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// A stream that stays fast is said to be so for some seconds after, not for hours.
	p.level = min(p.ahead(now)+n, 2*paceBurst)
	p.at = now
}

// ahead returns how many bytes are ahead of what drains. The caller holds p.mu.
func (p *pace) ahead(now time.Time) int {
	// Beyond that time the bucket is empty however full it was.
	past := min(max(now.Sub(p.at), 0), 2*paceBurst/paceDrain*time.Second)
	return max(p.level-int(past.Seconds()*paceDrain), 0)
}

func (p *pace) above(n int, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ahead(now) > n
}

// fast reports whether more was sent than Loki takes for granted of one stream.
func (p *pace) fast(now time.Time) bool { return p.above(paceBurst, now) }

// divided reports whether Loki may have divided the stream up.
func (p *pace) divided(now time.Time) bool { return p.above(paceDivided, now) }
