package sink

import (
	"context"
	"errors"
	"fmt"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/spool"
)

// groupBytes is how much one sync is for, at most, beside what came first.
const groupBytes = 2 << 20

// A spillJob is one batch on its way to the disk. It owns the memory of its items: whoever gave it up does not wait.
type spillJob struct {
	items   []spool.Item
	entries int
	bytes   int
	done    chan error // holds one
}

// spill puts b into the queue.
func (s *Spiller) spill(ctx context.Context, b *batch.Batch) error {
	j := s.encode(b)
	select {
	case s.jobs <- j:
	case <-s.closed:
		s.recycle(j)
		return s.notRunning()
	case <-s.writes.Done():
		return s.notRunning()
	case <-ctx.Done():
		s.recycle(j)
		return context.Cause(ctx)
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// encode makes the records of b.
func (s *Spiller) encode(b *batch.Batch) *spillJob {
	j := &spillJob{entries: len(b.Entries), done: make(chan error, 1)}
	for lo := 0; lo < len(b.Entries); {
		buf, hi := appendRecord(s.buffer(), b, lo)
		j.items = append(j.items, spool.Item{Frame: buf, Entries: hi - lo})
		j.bytes += len(buf)
		lo = hi
	}
	return j
}

// buffer returns memory that has what a frame begins with, to append a record to.
func (s *Spiller) buffer() []byte {
	if buf, ok := s.buffers.Get().(*[]byte); ok {
		return (*buf)[:spool.HeaderBytes]
	}
	return make([]byte, spool.HeaderBytes)
}

// recycle takes back the memory of a job that nobody looks at any more. Giants are left to the garbage collector.
func (s *Spiller) recycle(j *spillJob) {
	for i := range j.items {
		if cap(j.items[i].Frame) <= 2*recordBytes {
			s.buffers.Put(&j.items[i].Frame)
		}
	}
}

// writeJobs is the task that appends. It takes what has come while it was at work as one group.
func (s *Spiller) writeJobs(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case j := <-s.jobs:
			s.writeGroup(s.gather(j))
		}
	}
}

// gather adds to a job those that wait already.
func (s *Spiller) gather(first *spillJob) []*spillJob {
	group := []*spillJob{first}
	// Not so much that room would be made for what could be written bit by bit.
	most := min(groupBytes, int(s.cfg.segmentBytes()))
	for bytes := first.bytes; bytes < most; {
		select {
		case j := <-s.jobs:
			group = append(group, j)
			bytes += j.bytes
		default:
			return group
		}
	}
	return group
}

// writeGroup makes jobs durable and answers each, whatever happens.
func (s *Spiller) writeGroup(group []*spillJob) {
	answered := 0
	answer := func(j *spillJob, err error) {
		answered++
		j.done <- err
		s.recycle(j)
	}
	defer func() {
		for _, j := range group[answered:] { // it panicked
			j.done <- errUnreturned
		}
	}()
	err := s.store(group)
	if len(group) == 1 || !errors.Is(err, spool.ErrFull) && !errors.Is(err, spool.ErrTooLarge) {
		for _, j := range group {
			answer(j, s.verdict(err, j))
		}
		return
	}
	for _, j := range group { // some of them may fit
		answer(j, s.verdict(s.store([]*spillJob{j}), j))
	}
}

// store appends jobs with one sync.
func (s *Spiller) store(group []*spillJob) error {
	var items []spool.Item
	entries := 0
	for _, j := range group {
		items = append(items, j.items...)
		entries += j.entries
	}
	s.expire()
	err := s.log.Append(items)
	for errors.Is(err, spool.ErrFull) && s.makeRoom() {
		err = s.log.Append(items)
	}
	s.poke()
	if !errors.Is(err, spool.ErrTooLarge) {
		s.noteDisk(diskAppend, err)
	}
	if err == nil {
		s.counts.queued.Add(int64(entries))
	}
	return err
}

// makeRoom drops the oldest, if it may and there is any.
func (s *Spiller) makeRoom() bool {
	if s.cfg.Overflow != SpillDropOldest {
		return false
	}
	entries, ok := s.log.DropOldest()
	if ok {
		s.dropped(SpillFull, entries)
	}
	return ok
}

// expire drops what is older than MaxAge, a segment at a time. What is younger than its segment's newest, the task that
// delivers looks after.
func (s *Spiller) expire() {
	for s.cfg.MaxAge > 0 {
		entries, ok := s.log.DropOlder(s.cfg.MaxAge)
		if !ok {
			return
		}
		s.dropped(SpillExpired, entries)
	}
}

// verdict is what the Write of j returns.
func (s *Spiller) verdict(err error, j *spillJob) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, spool.ErrTooLarge):
		return TooLarge(fmt.Errorf("sink: spill %q: %w", s.cfg.Dir, err))
	case !errors.Is(err, spool.ErrFull):
		return fmt.Errorf("sink: spill %q: %w", s.cfg.Dir, err)
	}
	err = fmt.Errorf("%w: %q: %w", ErrSpillFull, s.cfg.Dir, err)
	if s.cfg.Overflow == SpillBlock {
		return RetryAfter(err, fullWait)
	}
	s.dropped(SpillFull, int64(j.entries))
	return Permanent(err)
}
