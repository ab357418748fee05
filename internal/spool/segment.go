package spool

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	segmentSuffix = ".spool"
	damagedSuffix = ".damaged"
)

// unlimited is the limit of a segment nobody knows a successor of.
const unlimited = 1<<64 - 1

// A segment is one file of records. Log.mu guards what changes.
type segment struct {
	name  string
	index uint32 // its number among all segments there ever were
	first uint64 // the sequence of its first record, should it have one
	salt  uint32

	size   int64  // of what is durable
	sealed bool   // nothing is added any more
	limit  uint64 // once sealed: its records have sequences below this
	exact  bool   // and it had them all up to there

	doubtful bool // where it ends could not be read

	records, entries int64 // that are not delivered
	oldest, newest   time.Time
}

func segmentName(index uint32, first uint64, salt uint32) string {
	return fmt.Sprintf("%08x-%016x-%08x%s", index, first, salt, segmentSuffix)
}

// parseSegmentName reports whether name is one that segmentName makes.
func parseSegmentName(name string) (*segment, bool) {
	stem, ok := strings.CutSuffix(name, segmentSuffix)
	parts := strings.Split(stem, "-")
	if !ok || len(parts) != 3 {
		return nil, false
	}
	index, err1 := strconv.ParseUint(parts[0], 16, 32)
	first, err2 := strconv.ParseUint(parts[1], 16, 64)
	salt, err3 := strconv.ParseUint(parts[2], 16, 32)
	s := &segment{name: name, index: uint32(index), first: first, salt: uint32(salt)}
	if err1 != nil || err2 != nil || err3 != nil || segmentName(s.index, s.first, s.salt) != name {
		return nil, false // another spelling would be a second name of the same
	}
	return s, true
}

// add counts records in that were made at a time.
func (s *segment) add(records, entries int64, at time.Time) {
	s.records += records
	s.entries += entries
	if s.oldest.IsZero() || at.Before(s.oldest) {
		s.oldest = at
	}
	if s.newest.IsZero() || at.After(s.newest) {
		s.newest = at
	}
}

// age returns how long ago a record of s was made that says it was at. Within a process the clock that never jumps
// counts: the record is as old as the segment's oldest at most, and as its newest at least.
func (s *segment) age(now time.Time, at int64) time.Duration {
	said := time.Duration(now.UnixMilli()-at) * time.Millisecond
	return max(0, now.Sub(s.newest), min(said, now.Sub(s.oldest)))
}
