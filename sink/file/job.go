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
	log     *log    // while it is held
	entries []int32 // indices in the batch
	runs    []run
	done    int    // so many entries are written
	safe    int    // so many of them are on the medium for certain
	seq     uint64 // the log's number of the last write; zero: none
	err     error  // why the others are not
	chunk   chunk
}

// A run is a number of entries of a part with the same labels.
type run struct {
	labels *labelSet
	end    int // in part.entries
}

// A chunk is what is rendered of a part, and not written yet.
type chunk struct {
	buf  []byte
	ends []int // of the lines in buf
	next int   // the line to write next
	run  int   // of part.runs, where the next chunk begins
}

const (
	// chunkBytes is how large a chunk gets, unless a single line is larger.
	chunkBytes = 128 << 10
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
	for i := range b.Entries {
		l, t := b.LabelsOf(i), b.Entries[i].Time
		if t.IsZero() {
			t = now
		}
		if p == nil || l != labels || !r.takes(t) {
			r, labels = j.sink.routes.of(l, t), l
			p = j.part(r.path)
		}
		p.add(int32(i), r.labels)
	}
}

func (p *part) add(i int32, l *labelSet) {
	p.entries = append(p.entries, i)
	if n := len(p.runs); n > 0 && p.runs[n-1].labels == l {
		p.runs[n-1].end++
		return
	}
	p.runs = append(p.runs, run{l, len(p.entries)})
}

// render makes the next chunk.
func (j *job) render(p *part) {
	c := &p.chunk
	c.buf, c.ends, c.next = c.buf[:0], c.ends[:0], 0
	for n := p.done; n < len(p.entries) && len(c.buf) < chunkBytes; n++ {
		for p.runs[c.run].end <= n {
			c.run++
		}
		c.buf = j.sink.rules.line.append(c.buf, &j.batch.Entries[p.entries[n]], p.runs[c.run].labels)
		c.ends = append(c.ends, len(c.buf))
	}
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
		failed += len(p.entries) - p.done
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
		for _, i := range p.entries[p.done:] {
			fs = append(fs, sink.Failure{Index: int(i), Err: p.err})
		}
	}
	slices.SortFunc(fs, func(a, b sink.Failure) int { return cmp.Compare(a.Index, b.Index) })
	return &sink.PartialError{Failures: fs}
}

func (j *job) reset() {
	for _, p := range j.parts[:j.used] {
		if p.log != nil {
			j.sink.shelf.release(p.log)
		}
		clear(p.runs)
		*p = part{entries: p.entries[:0], runs: p.runs[:0], chunk: chunk{buf: p.chunk.buf[:0], ends: p.chunk.ends[:0]}}
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

// lock waits for its turn until ctx is done.
func (l *log) lock(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	default:
	}
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("file: %w", context.Cause(ctx))
	}
}

func (l *log) unlock() { <-l.turn }
