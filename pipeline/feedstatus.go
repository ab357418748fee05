package pipeline

import "sync"

// feedStatus is what is known of a source's task.
type feedStatus struct {
	mu sync.Mutex
	feedState
}

type feedState struct {
	restarts int
	err      error // the last failure
	down     bool  // waits to be run again, or never will be
}

func (s *feedStatus) failed(restarts int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.feedState = feedState{restarts, err, true}
}

func (s *feedStatus) began(restarts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restarts, s.down = restarts, false
}

func (s *feedStatus) get() feedState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.feedState
}
