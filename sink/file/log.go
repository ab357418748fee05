package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sort"
	"time"
)

// A log is a path that lines are written to, and the file that is open there. All fields but those of the shelf belong
// to whoever has the turn.
type log struct {
	sink *Sink
	path string
	turn chan struct{} // a lock whose wait honours a ctx

	users        int // these are the shelf's
	older, newer *log

	file diskFile // nil: none is open
	info fs.FileInfo
	size int64     // up to here it consists of whole lines
	last time.Time // when it was written to,
	ours bool      // by this log
	torn bool      // behind size there may be a part of a line

	seq    uint64 // counts the writes
	synced uint64 // up to here they are on the medium, or lost
	sound  int64  // the size of the file that is on the medium
	fresh  bool   // the name of the file may not be
	owed   bool   // nor what was written to the file before it was closed to make room
	losses losses

	flushed time.Time // when it was last flushed, or opened
	stamp   time.Time // of the last generation
	stay    time.Time // until then it is not rotated, because that failed
}

// put writes what is left of p, to more than one file if need be.
func (l *log) put(j *job, p *part, now time.Time) error {
	if err := l.ready(now); err != nil {
		return err
	}
	for c := &p.chunk; p.done < p.entries; {
		if len(c.rest()) == 0 {
			j.render(p)
		}
		n := l.room(c, now)
		if n == 0 {
			if err := l.begin(p, now); err != nil {
				return err // what it says of lines that were lost, flush says again
			}
			continue
		}
		if err := l.write(c.buf[c.begin():c.ends[c.next+n-1]], now); err != nil {
			return err
		}
		p.done, p.seq = p.done+n, l.seq
		c.next += n
	}
	l.flushIfNobodyDoes(now)
	return nil
}

// begin has what comes next of p go to a new file.
func (l *log) begin(p *part, now time.Time) error {
	if err := l.rotate(now); err != nil {
		return err
	}
	p.safe = p.done
	return l.ready(now)
}

// ready makes sure that the file at the path is open, and ends with a whole line.
func (l *log) ready(now time.Time) error {
	if l.file != nil {
		if err := l.look(); err != nil {
			return err
		}
	}
	if l.file != nil {
		l.sink.shelf.used(l)
		return nil
	}
	return l.open(now)
}

// look finds out whether the file is still the one at the path, and as long as it was: others rotate and truncate files.
func (l *log) look() error {
	info, err := l.sink.disk.stat(l.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, l.info) {
		l.sink.stats.reopened.Add(1)
		return l.close()
	}
	if err != nil {
		return err
	}
	if l.torn {
		return l.cut()
	}
	if info.Size() == l.size {
		return nil
	}
	return l.adopt(info.Size())
}

// adopt takes size for that of the file, and completes its last line. If that fails the size stays what it was, by which
// the next look finds that there is something to complete.
func (l *log) adopt(size int64) error {
	whole, err := l.complete(size)
	if err == nil {
		l.size, l.sound = whole, min(l.sound, size)
	}
	return err
}

// complete gives the last line a newline if it has none, and returns the size of the file then.
func (l *log) complete(size int64) (whole int64, err error) {
	if size == 0 {
		return 0, nil
	}
	var end [1]byte
	if _, err := l.file.ReadAt(end[:], size-1); err != nil || end[0] == '\n' {
		return size, err
	}
	if _, err := l.file.Write([]byte{'\n'}); err != nil {
		return 0, err
	}
	l.sink.stats.completed.Add(1)
	return size + 1, nil
}

// room returns how many of the lines in c fit into the file; zero: there must be another one first.
func (l *log) room(c *chunk, now time.Time) int {
	lines, most := c.rest(), l.sink.cfg.Rotate.Bytes
	if now.Before(l.stay) {
		return len(lines)
	}
	if l.size > 0 && l.due(now) {
		return 0
	}
	if most < 0 {
		return len(lines)
	}
	most += int64(c.begin()) - l.size
	n := sort.Search(len(lines), func(i int) bool { return int64(lines[i]) > most })
	if n == 0 && l.size == 0 {
		return 1
	}
	return n
}

// due reports whether the time has come to begin another file.
func (l *log) due(now time.Time) bool {
	c := &l.sink.rules.calendar
	return !c.idle() && l.last.Before(c.latest(now))
}

// write appends whole lines, or nothing.
func (l *log) write(lines []byte, now time.Time) error {
	n, err := l.file.Write(lines)
	if err == nil && n < len(lines) {
		err = io.ErrShortWrite
	}
	if err != nil {
		l.torn = true
		if cutErr := l.cut(); cutErr != nil {
			err = fmt.Errorf("%w (and what was written of it could not be cut off yet: %w)", err, cutErr)
		}
		return err
	}
	l.size += int64(n)
	l.sink.stats.bytes.Add(int64(n))
	l.seq++
	if !l.ours || now.After(l.last) { // it may have waited for its turn since
		l.last, l.ours = now, true
	}
	return nil
}

// cut removes what a write left behind that failed.
func (l *log) cut() error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > l.size {
		if err := l.file.Truncate(l.size); err != nil {
			return err
		}
		l.sink.stats.cut.Add(1)
	}
	l.torn = false
	return nil
}

// rotate closes the file and renames it. If it cannot be renamed, it is written to for a while, however large it gets.
func (l *log) rotate(now time.Time) error {
	if err := l.close(); err != nil {
		return err
	}
	to, err := l.generation(now)
	if err == nil {
		err = l.sink.disk.rename(l.path, to)
	}
	if err != nil {
		l.stay = now.Add(rotateAgain)
		l.sink.troubles.note(troubleRotate+l.path, l.sink.fault(l.path, err))
		return nil
	}
	l.sink.troubles.note(troubleRotate+l.path, nil)
	l.sink.stats.rotations.Add(1)
	l.sink.tidySoon()
	return nil
}

// rotateAgain is how long a file is written to that could not be renamed, before that is tried again.
const rotateAgain = 10 * time.Second

// generation returns a name for what is in the file now, which nothing has yet.
func (l *log) generation(now time.Time) (string, error) {
	stamp := l.sink.stampAt(now)
	if !stamp.After(l.stamp) {
		stamp = l.stamp.Add(time.Millisecond)
	}
	for {
		name := l.path + stamp.Format(stampLayout)
		taken := false
		for _, suffix := range []string{"", suffixGzip, suffixZstd} {
			there, err := exists(l.sink.disk, name+suffix)
			if err != nil {
				return "", err
			}
			taken = taken || there
		}
		if !taken {
			l.stamp = stamp
			l.sink.stampGiven(stamp)
			return name, nil
		}
		stamp = stamp.Add(time.Millisecond)
	}
}

// stampAt is the time of a generation that is made now, to the millisecond: not before that of any made before. Who rotates
// may have waited for that since now, and a log does not remember its generations once it has no file open.
func (s *Sink) stampAt(now time.Time) time.Time {
	return time.UnixMilli(max(now.UnixMilli(), s.stamped.Load())).UTC()
}

// stampGiven keeps the time of a generation, which may be later than what stampAt has said.
func (s *Sink) stampGiven(stamp time.Time) {
	ms := stamp.UnixMilli()
	for latest := s.stamped.Load(); latest < ms && !s.stamped.CompareAndSwap(latest, ms); {
		latest = s.stamped.Load()
	}
}

// folder is where the file is.
func (l *log) folder() string { return path.Dir(l.path) }
