package containertest

import "slices"

// A segment is one file of a log. Messages are only ever added to it, so that
// what a reader was given stays true.
type segment struct {
	records []*record
	size    int64
}

// A logfile is the log of a container: the files that are retained, the oldest
// first, and who follows it. The engine's lock guards it.
type logfile struct {
	driver   driver
	maxSize  int64 // a file that has reached it is rotated before the next message; 0: never
	maxFiles int
	packed   bool // rotated files are compressed

	segments []*segment
	rotated  int // how often
	open     bool
	readers  map[*reading]struct{}
}

func newLogfile(d driver, s Spec) *logfile {
	l := &logfile{driver: d, maxSize: s.MaxSize, maxFiles: max(s.MaxFiles, 1), packed: s.Compress,
		segments: []*segment{{}}, readers: map[*reading]struct{}{}}
	if !d.json() {
		if l.maxSize == 0 {
			l.maxSize = 20 << 20
		}
		if s.MaxFiles == 0 {
			l.maxFiles = 5
		}
		l.packed = l.maxFiles > 1
	}
	return l
}

// current is the file that is written to.
func (l *logfile) current() *segment { return l.segments[len(l.segments)-1] }

// log adds a message.
func (l *logfile) log(r *record, line []byte) {
	l.driver.finish(r, line)
	if l.driver.name == "none" {
		return
	}
	if l.maxSize > 0 && l.current().size >= l.maxSize {
		l.rotate()
	}
	s := l.current()
	s.records = append(s.records, r)
	s.size += r.size
	for reader := range l.readers {
		reader.fill()
	}
}

// rotate begins a new file, and drops the oldest one if there are too many.
func (l *logfile) rotate() {
	l.segments = append(l.segments, &segment{})
	if drop := len(l.segments) - l.maxFiles; drop > 0 {
		l.segments = slices.Clone(l.segments[drop:])
	}
	l.rotated++
}

// close ends what follows the log: each reader still gets what it would have
// read, and no more. The log can be opened again.
func (l *logfile) close() {
	l.open = false
	for reader := range l.readers {
		reader.seal()
		delete(l.readers, reader)
	}
}

// retained returns all messages that are kept, in order.
func (l *logfile) retained() (all []*record) {
	for _, s := range l.segments {
		all = append(all, s.records...)
	}
	return all
}
