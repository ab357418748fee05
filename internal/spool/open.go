package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"time"
)

// Open looks at what is in the folder, and makes nothing but the file of the position; it changes no byte there is.
// Names it does not know are left alone. ErrFolder is in the error's chain if it is not the file system's. The caller
// has locked the folder.
func Open(cfg Config) (*Log, error) {
	l := &Log{cfg: cfg, next: 1, acked: 1, index: 1}
	names, err := cfg.Folder.List()
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if err := l.meet(n); err != nil {
			return nil, err
		}
	}
	if err := l.loadPosition(); err != nil {
		return nil, err
	}
	slices.SortFunc(l.segments, func(a, b *segment) int { return int(int64(a.index) - int64(b.index)) })
	if err := l.order(); err != nil {
		return nil, err
	}
	for _, s := range l.segments {
		if err := l.survey(s); err != nil {
			return nil, err
		}
	}
	l.trim()
	l.next = max(l.next, l.acked)
	return l, nil
}

// ErrFolder is in the chain of what Open returns for a folder that no log can have left like this.
var ErrFolder = errors.New("spool: not a folder of this log's")

// meet takes in one name.
func (l *Log) meet(n Listed) error {
	if strings.HasSuffix(n.Name, damagedSuffix) {
		l.kept += n.Size
		return nil
	}
	s, ok := parseSegmentName(n.Name)
	if !ok && n.Name != positionName {
		return nil
	}
	if !n.Regular { // a pipe would wait for its writer, and a link leads elsewhere
		return fmt.Errorf("%w: %s is not a regular file", ErrFolder, n.Name)
	}
	if ok {
		s.size, s.sealed = n.Size, true
		l.segments = append(l.segments, s)
		l.index = max(l.index, s.index+1)
	}
	return nil
}

// trim gives back the space that a process which was killed had reserved behind the last segment. Those before it have
// been last in their turn. If it fails the space is taken until the segment is delivered.
func (l *Log) trim() {
	if len(l.segments) == 0 {
		return
	}
	s := l.segments[len(l.segments)-1]
	f, err := l.cfg.Folder.Edit(s.name)
	if err != nil {
		return
	}
	_ = f.Truncate(s.size)
	_ = f.Close()
}

// mostRecords is more than any log comes to; from there on sequences would overflow one day.
const mostRecords = 1 << 62

// order works out where each segment ends.
func (l *Log) order() error {
	for i, s := range l.segments {
		if s.index == math.MaxUint32 || s.first > mostRecords {
			return fmt.Errorf("%w: no segment can follow %s", ErrFolder, s.name)
		}
		s.limit = unlimited
		if i+1 == len(l.segments) {
			return nil
		}
		following := l.segments[i+1]
		if following.index == s.index || following.first < s.first {
			return fmt.Errorf("%w: %s and %s cannot both be", ErrFolder, s.name, following.name)
		}
		s.limit, s.exact = following.first, following.index == s.index+1
	}
	return nil
}

// survey counts the records of a segment that are not delivered, by their headers. It need not be right where the
// segment is damaged: the reader sets that straight.
func (l *Log) survey(s *segment) error {
	f, err := l.cfg.Folder.Open(s.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the reader tells of it
	}
	if err != nil {
		return err
	}
	defer f.Close()
	now := time.Now()
	scan := scanner{file: f, salt: s.salt, size: s.size, salvage: true}
	last := s.first
	for off := int64(0); ; {
		found, err := scan.next(off, false)
		if err != nil {
			return err
		}
		switch found.kind {
		case nothing, torn:
			l.surveyed(s, last, scan.holes)
			return nil
		case frame:
			if found.seq >= s.limit {
				l.surveyed(s, last, scan.holes)
				return nil
			}
			last = max(last, found.seq+1)
			if found.seq >= l.acked {
				s.add(1, int64(found.entries), before(now, found.at))
			}
		case damaged:
			if found.end == s.size {
				last++ // it was one record, or more: the reader finds that missing
			}
		}
		off = found.end
	}
}

// surveyed takes in that the records of s end before last, unless there were holes in what could be read of it.
func (l *Log) surveyed(s *segment, last uint64, holes bool) {
	if holes {
		// There may be more than can be read now: the next records come after all that can be.
		last += uint64(s.size / HeaderBytes)
		s.doubtful = true
		l.index++ // so that it shows after a restart, too
	}
	l.next = max(l.next, min(last, s.limit))
}

// before returns the time at by the clock that does not jump. What claims to be of the future is of now.
func before(now time.Time, at int64) time.Time {
	ago := time.Duration(now.UnixMilli()-at) * time.Millisecond
	return now.Add(-max(ago, 0))
}
