package tail

import "time"

// offer returns the file that waits longest for a reader, open, and the channel
// to send it on: nil if there is none, so that the send never happens.
func (s *scanner) offer(now time.Time) (chan<- *file, *file) {
	if now.Before(s.free) {
		return nil, nil
	}
	for e := s.ready.Front(); e != nil; e = s.ready.Front() {
		f := e.Value.(*file)
		if s.open(f, now) {
			// Before the send: afterwards it is the reader's.
			f.flush, f.complete = f.final || f.packed != unpacked, s.complete(f, now) || f.packed != unpacked
			f.from = f.offset
			f.retag()
			return s.work, f
		}
		if s.ready.Front() == e {
			s.dequeue(f)
		}
		s.appoint(f, now)
	}
	return nil, nil
}

// handed notes that a reader has taken the first file of the queue.
func (s *scanner) handed(f *file) {
	s.ready.Remove(s.ready.Front())
	f.queued, f.busy, f.again, f.resting = false, true, false, false
	s.reading[f] = struct{}{}
	f.known = true
	f.begun = f.begun || !f.herald
	f.parting = !f.moved.IsZero()
}

// enqueue has f read, as soon as it may be.
func (s *scanner) enqueue(f *file) {
	switch {
	case f.busy:
		f.again = true
	case f.held != nil, f.after != nil && !f.after.drained:
		f.show(Waiting)
	case f.wholly() && f.known && !f.ask:
		f.resting = true
		f.gauge(time.Now())
		f.show(Idle)
	case f.packed != unpacked && s.unpacking != f:
		if !f.lined {
			f.lined = true
			s.toUnpack = append(s.toUnpack, f)
		}
	case !f.queued:
		f.queued = true
		if f.moved.IsZero() {
			f.show(Reading)
		}
		s.ready.PushBack(f)
	}
}

// returned takes a file back from a reader.
func (s *scanner) returned(t turn, now time.Time) {
	f := t.f
	f.busy, f.looked = false, now
	delete(s.reading, f)
	s.learn(f)
	f.gulp = max(0, f.offset-f.from)
	if s.MaxRate > 0 {
		s.free = later(now, s.free).Add(time.Duration(float64(f.gulp) / float64(s.MaxRate) * float64(time.Second)))
	}
	f.seen = max(f.seen, f.end())
	defer s.trim(nil, s.MaxOpen)
	if t.moved {
		f.changed = now
	}
	switch {
	case t.err != nil:
		s.broken(f, t.err, now)
		f.spoilt = spoils(t.err)
	case t.foreign && f.packed != unpacked:
		s.unlike(f, now)
	case t.foreign || f.suspect:
		f.suspect = false
		s.verify(f, now)
	case !t.end:
		s.enqueue(f)
	default:
		s.rested(f, now)
	}
	if t.err == nil {
		s.relieve(f)
	}
	if t.end || t.err != nil {
		s.unpackDone(f)
	}
	f.gauge(now)
	s.appoint(f, now)
	if f.again {
		s.hasten(f, now)
	}
}

// hasten has f looked at soon, because something happened to it.
func (s *scanner) hasten(f *file, now time.Time) {
	gap := hintGap
	if f.gulp >= aLot {
		gap = busyGap
	}
	s.agenda.hasten(f, later(now, f.looked.Add(gap)))
}

// rested notes that f was read to its end.
func (s *scanner) rested(f *file, now time.Time) {
	f.resting = true
	f.show(Idle)
	if f.moved.IsZero() {
		return
	}
	f.show(Rotated)
	if f.lull.Before(f.moved) {
		f.lull = now
	}
	switch {
	case f.packed != unpacked:
		s.drain(f, now)
	case !f.parting:
		s.enqueue(f) // it moved during the turn: once more
	case f.pending && !f.complete && s.complete(f, now):
		s.enqueue(f) // its last entry comes before the first of the next file
	case f.pending && !f.complete && now.Sub(f.lull) < s.RotateWait:
		// That entry may go on: soon it may not.
	default:
		s.drain(f, now)
	}
}
