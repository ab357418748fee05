package container

import (
	"context"
	"errors"
	"time"
)

const (
	// liveMin is the smallest log file whose container is followed through a
	// stream. The engine's own reader loses what was written if a file is rotated
	// twice before it has read on, and it says nothing (moby's loggerutils,
	// follow.go). Smaller ones are polled.
	liveMin = 1 << 20
	// shareOfFile is the part of a log file that may come within a second. What
	// comes faster might outrun the engine's reader and is caught up with
	// instead: the reader would have to be eight times slower than the writer,
	// at the least, to lose anything before that is noticed.
	shareOfFile = 8
	// writeRate is what a container is believed to write at most, in bytes per
	// second. While we do not read, the engine's reader does not either.
	writeRate = 100 << 20
	// anchorWait is how long the message that was delivered last may take to
	// come in a stream that was opened to follow it; twice as long after each time
	// that it did not, and twice what it took once it has: the engine may be slow.
	anchorWait = 2 * time.Second
	// verifyEvery is how long a stream may be silent before the engine is asked
	// whether it should be.
	verifyEvery = 2 * time.Minute
)

// errDoubt ends a stream that may not have told everything: what the engine
// has is caught up with.
var errDoubt = errors.New("the stream may have left something out")

// live follows f's log until the stream ends. It lays f down while it waits.
func (f *follower) live(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &feed{pass: f.newPass(f.toFollow(), f.sent), cancel: cancel, opened: time.Now(), pace: newPace(f.rotate)}
	if !f.crew.lives(f, cancel) {
		return errDoubt
	}
	defer f.crew.lives(f, nil)
	if err := s.open(ctx); err != nil {
		return err
	}
	defer s.close()
	f.shown.streams.Add(1)
	f.shown.is(Live)
	f.feed = s
	f.crew.attend(f, anchorWait)
	err := s.run(ctx)
	f.feed = nil
	f.shown.is(CatchingUp)
	switch _, unsent := errors.AsType[*sendError](err); {
	case unsent:
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	default:
		f.brief = time.Since(s.opened) < briefly
		return errOver
	}
}

// toFollow is the request for what follows the message that was sent last: with
// that message, as a rule, so that it is known that nothing was left out.
func (f *follower) toFollow() logRequest {
	switch {
	case f.sent.start(), f.total < tailLive:
		return logRequest{follow: true}
	case f.podman:
		return logRequest{follow: true, since: f.sent.since()}
	default:
		return logRequest{follow: true, tail: max(tailLive, f.tail, 4*(f.sent.after.nth+1))}
	}
}

// errOver says that the engine has ended a stream, which means that the
// container has stopped, as a rule.
var errOver = errors.New("the engine has ended the stream")

// briefly is how long a stream must have lasted not to be suspected of ending at
// once whenever it is opened.
const briefly = time.Second

// A feed is a pass that goes on when the log has been read.
type feed struct {
	*pass
	cancel   context.CancelCauseFunc
	opened   time.Time
	activity time.Time // when something came last
	verified time.Time // when it was known last that nothing was missing
	pace     pace
}

func (s *feed) run(ctx context.Context) error {
	f := s.f
	began := time.Now()
	s.activity, s.verified = began, began
	var err error
	for err == nil {
		waited := !s.found
		if err = s.drain(ctx); err != nil {
			break
		}
		if waited && s.found {
			f.anchorWait = max(anchorWait, 2*time.Since(s.opened))
		}
		if s.found {
			if err = f.flush(ctx); err != nil {
				break
			}
			if f.track.open() {
				f.crew.attend(f, f.crew.plan.openFor())
			}
		} else if s.request.tail > 0 && s.count > s.request.tail {
			return errDoubt
		}
		if s.pace.late(time.Since(began)) {
			return errDoubt
		}
		// What is read again to find the anchor is not what the container writes now.
		news, before := s.found, s.framer.taken()
		began, err = s.fill()
		if f.stream == nil {
			return errDoubt // a worker has found it lost, with what was read of it
		}
		if news && s.pace.fast(began, s.framer.taken()-before) {
			// What has come is good: it is sent before the stream is left.
			if err == nil {
				err = s.drain(ctx)
			}
			if err == nil {
				err = errDoubt
			}
		}
	}
	return s.end(ctx, err)
}

// fill waits for more with f laid down. It returns when that had come: while a
// worker has f in hand after that, nobody reads the stream.
func (s *feed) fill() (came time.Time, err error) {
	s.activity = time.Now() // a Send may have taken long: what is open has not waited yet
	<-s.f.hold
	err = s.framer.fill()
	came = time.Now()
	s.f.hold <- struct{}{}
	s.activity = time.Now()
	return came, err
}

// anchorWait is how long the message that was delivered last may take to come, and
// the one up to which an output is left out. An engine that was asked for all from a
// time on may have to read the whole log.
func (s *feed) anchorWait() time.Duration {
	if s.request.since.IsZero() {
		return s.f.anchorWait
	}
	return verifyEvery
}

// attend is what a worker does for a follower whose task waits for its stream:
// it sends what has been open for long enough, and ends a stream that does not
// tell what it should. It returns when to come again.
func (s *feed) attend(ctx context.Context) time.Duration {
	f, now := s.f, time.Now()
	if !s.found || f.track.skipping {
		if left := s.anchorWait() - now.Sub(s.opened); left > 0 {
			return left
		}
		f.anchorWait = min(2*f.anchorWait, verifyEvery)
		s.cancel(errDoubt)
		return verifyEvery
	}
	next := verifyEvery
	if f.track.open() {
		left := f.crew.plan.openFor() - now.Sub(s.activity)
		if left > 0 {
			next = left
		} else if f.track.close(); f.flush(ctx) != nil {
			s.cancel(errDoubt) // its task opens the stream again
			return verifyEvery
		}
	}
	if s.activity.After(s.verified) {
		s.verified = s.activity
	}
	if left := verifyEvery - now.Sub(s.verified); left > 0 {
		return min(next, left)
	}
	if !s.verify(ctx) {
		s.cancel(errDoubt)
	}
	s.verified = now
	return min(next, verifyEvery)
}

// verify asks the engine for the last message of the log, and reports whether it
// is the last one that came.
func (s *feed) verify(ctx context.Context) bool {
	p := s.f.newPass(logRequest{tail: 1}, position{after: nowhere})
	err := p.run(ctx)
	p.last.nth = s.last.nth // one message does not tell how many are alike
	return err == nil && (p.count == 0 || p.last == s.last)
}

// openFor is how long an entry that is not complete is held back.
func (p *plan) openFor() time.Duration {
	if p.Multiline.Rule.IsZero() {
		return pieceWait
	}
	return p.Multiline.Timeout
}

// A pace says whether the engine's reader can have kept up with the writer of a
// log whose files are rotated.
type pace struct {
	rate int64         // bytes per second that are no reason to worry; 0: none is
	idle time.Duration // for which we may not read
	left int64
	at   time.Time
}

func newPace(rotation int64) pace {
	if rotation == noRotation {
		return pace{}
	}
	rate := rotation / shareOfFile
	return pace{rate: rate, left: rate, idle: time.Duration(float64(rotation) / writeRate * float64(time.Second))}
}

// late reports whether we did not read for too long.
func (p *pace) late(d time.Duration) bool { return p.rate > 0 && d > p.idle }

// fast notes that n bytes were read, and reports whether that was too much for
// the time.
func (p *pace) fast(now time.Time, n int64) bool {
	if p.rate == 0 {
		return false
	}
	if !p.at.IsZero() {
		p.left = min(p.rate, p.left+int64(now.Sub(p.at).Seconds()*float64(p.rate)))
	}
	p.at = now
	p.left -= n
	return p.left < 0
}
