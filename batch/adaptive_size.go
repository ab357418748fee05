package batch

// A size is the largest request that the destination takes, sought between the
// largest that it took and the smallest that it found too large.
type size struct {
	now, most int
	good, bad int     // zero: none yet
	learnt    float64 // when
}

const (
	// forgotten is after how many seconds twice the size is tried again: whoever
	// configures destinations does not do so every minute, and the price is one
	// request refused.
	forgotten = 300
	// near is the share of the size that need not be sought further.
	near = 8
)

// refused makes it smaller, for a request that was too large: the largest that
// was taken or half of that one.
func (s *size) refused(now float64, bytes int) {
	if s.good >= bytes {
		s.good = 0
	}
	if s.bad == 0 || bytes < s.bad {
		s.bad = bytes
	}
	s.now = min(s.now, max(1, s.good, bytes/2))
	s.learnt = now
}

// halve makes it half of that many bytes, not less than any bucket takes, and does
// not seek further: a request that just fits into a bucket waits for it to be full.
func (s *size) halve(now float64, bytes int) {
	s.now = min(s.now, max(smallest, bytes/2))
	s.bad, s.learnt = s.now, now
}

func (s *size) delivered(now float64, bytes int) {
	s.good = max(s.good, bytes)
	switch {
	case s.now == s.most:
	case now-s.learnt > forgotten:
		s.now, s.bad, s.learnt = min(s.most, s.now*2), 0, now
	case bytes >= s.now-s.now/near && s.bad-s.now > s.bad/near:
		s.now = min(s.most, s.now+(s.bad-s.now)/2)
	}
}
