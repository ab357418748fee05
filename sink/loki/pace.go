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
	// well below the 1.5 MB/s at which Loki divides a stream up, and the 3 MB/s that it allows one.
	paceDrain = 1 << 20
	// paceBurst is how many bytes may be ahead of that. Loki allows a burst of 15 MB.
	paceBurst = 4 << 20
)

// fast counts n bytes that are about to be sent at now, and reports whether that is too much at once.
func (p *pace) fast(n int, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Beyond that time the bucket is empty however full it was.
	past := min(max(now.Sub(p.at), 0), 2*paceBurst/paceDrain*time.Second)
	p.level = max(p.level-int(past.Seconds()*paceDrain), 0) + n
	p.at = now
	full := p.level > paceBurst
	// A stream that stays fast is told to be so for some seconds after, not for hours.
	p.level = min(p.level, 2*paceBurst)
	return full
}
