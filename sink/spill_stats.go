package sink

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/spool"
)

// SpillStats is a snapshot of a queue. Entries count since Start, but for the backlog, which earlier processes may have
// left.
type SpillStats struct {
	// The backlog: what is queued and not delivered.
	Records int64         // what was written together and is read together; damaged ones count until they are found
	Entries int64         // of all records
	Waiting int64         // entries that wait in memory, because their stream was told to or is behind one that was
	Oldest  time.Duration // how long ago the oldest of them was written
	Bytes   int64         // of the queue's files, delivered records that are not deleted yet included

	Queued       int64 // entries put on the disk
	Direct       int64 // delivered without it
	Delivered    int64 // from the queue
	DeadLettered int64 // refused by the destination for good, and taken by the dead letter
	Refused      int64 // refused for good, with nobody to take them
	Full         int64 // dropped for SpillFull
	Expired      int64 // dropped for SpillExpired

	DamagedRecords int64 // lost, as far as their sequence tells
	DamagedBytes   int64
	TornBytes      int64 // left half written by a crash and passed over; nothing acknowledged was there

	Disk        error // of the folder: of the last Write, the last read, the last saving of the position; nil: all succeeded
	Destination error // of the last Write to the destination; nil: it is well
}

// SpillDamage is a part of a queue's file that is no record, or records that are missing without a trace.
type SpillDamage struct {
	File          string // in the folder
	Offset, Bytes int64  // in File
	Records       int64  // that are lost, as far as their sequence tells
	Kept          string // the file with a copy of the bytes; empty: there is none
	Err           error  // what is wrong with a record whose checksum is right, or why there is no copy
}

// String tells all of it.
func (d SpillDamage) String() string {
	text := fmt.Sprintf("%s: %d records lost, %d bytes damaged at %d", d.File, d.Records, d.Bytes, d.Offset)
	if d.Kept != "" {
		text += ", kept in " + d.Kept
	}
	if d.Err != nil {
		text += ": " + d.Err.Error()
	}
	return text
}

// spillCounts are those that the queue's files do not know.
type spillCounts struct {
	queued, direct, delivered, deadLettered, refused, full, expired, waiting atomic.Int64
}

// Stats may be called at any time; before Start it is zero.
func (s *Spiller) Stats() SpillStats {
	var st SpillStats
	if s.started.Load() {
		in := s.log.Stats()
		st.Records, st.Entries, st.Oldest, st.Bytes = in.Records, in.Entries, in.Oldest, in.Bytes
		st.DamagedRecords, st.DamagedBytes, st.TornBytes = in.Found.Records, in.Found.Bytes, in.Found.Torn
	}
	c := &s.counts
	st.Queued, st.Direct, st.Delivered = c.queued.Load(), c.direct.Load(), c.delivered.Load()
	st.DeadLettered, st.Refused = c.deadLettered.Load(), c.refused.Load()
	st.Full, st.Expired, st.Waiting = c.full.Load(), c.expired.Load(), c.waiting.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Disk, st.Destination = errors.Join(s.trouble[:]...), s.failing
	return st
}

// backlog is what a shaper is told of the queue.
func (s *Spiller) backlog() batch.State {
	st := s.log.Stats()
	return batch.State{Backlog: int(st.Bytes), Oldest: st.Oldest}
}

// Health implements [Healther]: the error says that the disk fails, or that the destination does and how much is queued.
func (s *Spiller) Health() error {
	st := s.Stats()
	var errs []error
	if st.Disk != nil {
		errs = append(errs, fmt.Errorf("sink: spill %q: %w", s.cfg.Dir, st.Disk))
	}
	if st.Destination != nil {
		errs = append(errs, fmt.Errorf("sink: spill %q: %d entries are queued, the oldest for %v: %w",
			s.cfg.Dir, st.Entries, st.Oldest.Round(time.Second), st.Destination))
	}
	return errors.Join(errs...)
}

// A diskUse is a kind of access to the folder, of which each has an error of its own.
type diskUse int

const (
	diskAppend diskUse = iota
	diskRead
	diskPosition
	diskUses
)

func (s *Spiller) noteDisk(use diskUse, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble[use] = err
}

// noteDelivery takes in what the destination said. That a request was too large is no bad news: smaller ones follow at
// once.
func (s *Spiller) noteDelivery(err error) {
	if IsTooLarge(err) {
		err = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = err
	s.away = s.away && err != nil
}

// noteAway takes in that the destination, or the dead letter, takes nothing, and wakes a Close that waits for it.
func (s *Spiller) noteAway() {
	s.mu.Lock()
	news := !s.away
	s.away = true
	s.mu.Unlock()
	if news {
		s.stir()
	}
}

// noteStalled takes in what deliverer.stalled returns, and wakes a Close if that is news.
func (s *Spiller) noteStalled(seq uint64) {
	s.mu.Lock()
	news := seq > s.stalled
	s.stalled = seq
	s.mu.Unlock()
	if news {
		s.stir()
	}
}

// refused counts entries that nobody takes.
func (s *Spiller) refused(fs []Failure) {
	if len(fs) == 0 {
		return
	}
	s.counts.refused.Add(int64(len(fs)))
	if s.cfg.OnRefused != nil {
		sheltered(func() { s.cfg.OnRefused(len(fs), partial(fs)) })
	}
}

func (s *Spiller) dropped(reason SpillDropReason, entries int64) {
	if entries == 0 {
		return
	}
	if reason == SpillFull {
		s.counts.full.Add(entries)
	} else {
		s.counts.expired.Add(entries)
	}
	if s.cfg.OnDropped != nil {
		sheltered(func() { s.cfg.OnDropped(reason, entries) })
	}
}

func (s *Spiller) damaged(d spool.Damage) {
	if s.cfg.OnDamaged != nil {
		sheltered(func() {
			s.cfg.OnDamaged(SpillDamage{File: d.Segment, Offset: d.Offset, Bytes: d.Bytes, Records: d.Records, Kept: d.Kept, Err: d.Err})
		})
	}
}

// sheltered calls a plug-in and reports whether it panicked: a task that ended by it would deliver the same again, and
// have it panic again, for ever.
func sheltered(call func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	call()
	return false
}
