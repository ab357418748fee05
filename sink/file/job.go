package file

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A part is what one Write has for one file. It is rendered piece by piece, so that a line is still in the processor's
// cache when it is written.
type part struct {
	path    string
	log     *log // while it is held
	runs    []run
	entries int    // in these
	done    int    // so many entries are written
	safe    int    // so many of them are on the medium for certain
	seq     uint64 // the log's number of the last write; zero: none
	err     error  // why the others are not
	chunk   chunk
}

// A run is a number of entries that follow one another and have the same labels.
type run struct {
	labels   *labelSet
	from, to int // of the batch's entries
}

// A chunk is what is rendered of a part, and not written yet.
type chunk struct {
	buf  []byte
	ends []int // of the lines in buf
	next int   // the line to write next
	run  int   // of part.runs, and
	at   int   // how many entries of it are rendered
}

const (
	// chunkBytes is how large a chunk gets, unless a single line is larger.
	chunkBytes = 256 << 10
	// maxKeep bounds the buffer that a part keeps from one Write to the next.
	maxKeep = 1 << 20
)

// A job is one Write. It is used again.
type job struct {
	sink  *Sink
	batch *batch.Batch
	parts []*part
	used  int // of parts
	at    map[string]int
}

// divide finds out which entries go where.
func (j *job) divide(b *batch.Batch, now time.Time) {
	j.batch = b
	var p *part
	var r *route
	var labels batch.Labels
	timed := j.sink.rules.path.unit > 0
	from := 0
	for i := range b.Entries {
		e, l := &b.Entries[i], b.LabelsOf(i)
		if p != nil && l == labels && (!timed || r.takes(timeOf(e, now))) {
			continue
		}
		if p != nil {
			p.add(run{r.labels, from, i})
		}
		from, labels = i, l
		r = j.sink.routes.of(l, timeOf(e, now))
		p = j.part(r.path)
	}
	if p != nil {
		p.add(run{r.labels, from, len(b.Entries)})
	}
}

// timeOf is the time that says where e goes.
func timeOf(e *batch.Entry, now time.Time) time.Time {
	if e.Time.IsZero() {
		return now
	}
	return e.Time
}

func (p *part) add(r run) {
	p.runs = append(p.runs, r)
	p.entries += r.to - r.from
}

// render makes the next chunk.
func (j *job) render(p *part) {
	c := &p.chunk
	c.buf, c.ends, c.next = c.buf[:0], c.ends[:0], 0
	for len(c.buf) < chunkBytes && c.run < len(p.runs) {
		r := p.runs[c.run]
		n := c.fill(j.sink.rules.line, j.batch.Entries[r.from+c.at:r.to], r.labels)
		if c.at += n; r.from+c.at == r.to {
			c.run, c.at = c.run+1, 0
		}
	}
}

// fill renders entries until the chunk is full, and returns how many.
func (c *chunk) fill(rule *lineRule, entries []batch.Entry, l *labelSet) int {
	buf, ends := c.buf, c.ends
	n := 0
	for n < len(entries) && len(buf) < chunkBytes {
		buf = rule.append(buf, &entries[n], l)
		ends = append(ends, len(buf))
		n++
	}
	c.buf, c.ends = buf, ends
	return n
}

// part returns the part for a path.
func (j *job) part(path string) *part {
	if i, ok := j.at[path]; ok {
		return j.parts[i]
	}
	if j.used == len(j.parts) {
		j.parts = append(j.parts, new(part))
	}
	p := j.parts[j.used]
	p.path = path
	j.at[path] = j.used
	j.used++
	return p
}

// put writes each part to its file.
func (j *job) put(ctx context.Context, now time.Time) {
	s := j.sink
	for _, p := range j.parts[:j.used] {
		p.log = s.shelf.hold(s, p.path)
		if err := p.log.lock(ctx); err != nil {
			p.err = err
			continue
		}
		p.err = p.log.put(j, p, now)
		p.log.unlock()
		s.trim()
		if p.err != nil {
			p.err = s.fault(p.path, p.err)
			s.stats.failures.Add(1)
		}
		s.troubles.note(p.path, p.err)
	}
}

// flush has what put wrote flushed, one file after the other, each but once for all that wait for it.
func (j *job) flush(ctx context.Context) {
	s := j.sink
	for _, p := range j.parts[:j.used] {
		if p.seq == 0 || p.done <= p.safe {
			continue
		}
		err := p.log.lock(ctx)
		if err == nil {
			if err = p.log.flush(p.seq); err != nil {
				err = s.fault(p.path, err)
				s.troubles.note(p.path, err)
			}
			p.log.unlock()
		}
		if err != nil {
			p.done, p.err = p.safe, err
		}
	}
}

// outcome says what became of the entries.
func (j *job) outcome() error {
	failed := 0
	for _, p := range j.parts[:j.used] {
		failed += p.entries - p.done
	}
	j.sink.stats.entries.Add(int64(len(j.batch.Entries) - failed))
	switch {
	case failed == 0:
		return nil
	case failed == len(j.batch.Entries) && j.used == 1:
		return j.parts[0].err
	}
	fs := make([]sink.Failure, 0, failed)
	for _, p := range j.parts[:j.used] {
		fs = p.failures(fs)
	}
	slices.SortFunc(fs, func(a, b sink.Failure) int { return cmp.Compare(a.Index, b.Index) })
	return &sink.PartialError{Failures: fs}
}

// failures appends the entries that are not written.
func (p *part) failures(fs []sink.Failure) []sink.Failure {
	n := 0
	for _, r := range p.runs {
		for i := r.from; i < r.to; i++ {
			if n >= p.done {
				fs = append(fs, sink.Failure{Index: i, Err: p.err})
			}
			n++
		}
	}
	return fs
}

func (j *job) reset() {
	for _, p := range j.parts[:j.used] {
		if p.log != nil {
			j.sink.shelf.release(p.log)
		}
		clear(p.runs)
		*p = part{runs: p.runs[:0], chunk: chunk{buf: p.chunk.buf[:0], ends: p.chunk.ends[:0]}}
		if cap(p.chunk.buf) > maxKeep {
			p.chunk.buf = nil
		}
	}
	clear(j.at)
	j.batch = nil
	if j.used > maxParts {
		j.parts = nil
	}
	j.used = 0
}

// maxParts bounds the parts that a job keeps from one Write to the next.
const maxParts = 64

// rest is what is rendered and not written.
func (c *chunk) rest() []int { return c.ends[c.next:] }

// begin is where the next line begins in buf.
func (c *chunk) begin() int {
	if c.next == 0 {
		return 0
	}
	return c.ends[c.next-1]
}

// tryLock has its turn if that takes no waiting, and reports whether it has.
func (l *log) tryLock() bool {
	select {
	case l.turn <- struct{}{}:
		return true
	default:
		return false
	}
}

// lock waits for its turn until ctx is done.
func (l *log) lock(ctx context.Context) error {
	if l.tryLock() { // even if ctx is done
		return nil
	}
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("file: %w", context.Cause(ctx))
	}
}

func (l *log) unlock() { <-l.turn }
