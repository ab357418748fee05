package pipeline

import (
	"sync"

	"github.com/logferry/logferry/batch"
)

// routeStatus is what is known of a route's Writes.
type routeStatus struct {
	mu      sync.Mutex
	writing int
	parked  int
	limits  batch.Limits
	batches int64
	retries int64
	bytes   int64
	err     error
	failing bool // the last Write delivered nothing, for want of the destination
}

func (s *routeStatus) began(writing int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = writing
}

// planned notes what the route goes by when it has nothing to begin.
func (s *routeStatus) planned(l batch.Limits, parked int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits, s.parked = l, parked
}

// ended notes the end of a Write that failed or delivered, and whether it is the
// first to deliver after some that did not.
func (s *routeStatus) ended(writing int, err error, failed bool) (recovered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = writing
	if err != nil {
		s.err = err
	} else {
		s.batches++
	}
	recovered = s.failing && !failed
	s.failing = failed
	return recovered
}

func (s *routeStatus) delivered(bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += int64(bytes)
}

func (s *routeStatus) retried() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retries++
}
