package spool

import (
	"slices"
	"time"
)

// DropOldest gives up the oldest segment that is neither being read nor written, and returns what was in it. ok is false
// if there is none. It belongs to the goroutine that appends.
func (l *Log) DropOldest() (entries int64, ok bool) {
	return l.drop(func(*segment) bool { return true })
}

// DropOlder is DropOldest if every record of that segment is older than age.
func (l *Log) DropOlder(age time.Duration) (entries int64, ok bool) {
	now := time.Now()
	return l.drop(func(s *segment) bool { return now.Sub(s.newest) > age })
}

func (l *Log) drop(may func(*segment) bool) (entries int64, ok bool) {
	l.mu.Lock()
	i := slices.IndexFunc(l.segments, func(s *segment) bool { return s.index > l.passed && s != l.reading })
	if i < 0 || !l.segments[i].sealed || !may(l.segments[i]) {
		l.mu.Unlock()
		return 0, false
	}
	s := l.segments[i]
	l.segments = slices.Delete(l.segments, i, i+1)
	l.mu.Unlock()
	// If this fails the file comes back with the next Open, which loses nothing.
	_ = l.cfg.Folder.Remove(s.name)
	return s.entries, true
}
