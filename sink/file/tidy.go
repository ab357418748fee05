package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/logferry/logferry/lifecycle"
)

const (
	tidyEvery = time.Minute
	// tidyRest is the least time between two passes, and tidyShare what a pass may take of all time, as a divisor. The rest
	// is no longer than tidyEvery: where more than that share is needed to compress all there is, each pass would find
	// more than the one before, without end.
	tidyRest  = time.Second
	tidyShare = 10
	// late is how long a file whose time is over is left alone after it was last written to.
	late = 10 * time.Minute
)

// keepTidy is the task that looks after what is not being written.
func (s *Sink) keepTidy(ctx context.Context) error {
	for ctx.Err() == nil {
		begun := time.Now()
		s.tidy(ctx, begun)
		rest := min(tidyEvery, max(tidyRest, tidyShare*time.Since(begun)))
		if !lifecycle.Sleep(ctx, rest) || !s.sleep(ctx, tidyEvery-rest) {
			return nil
		}
	}
	return nil
}

// sleep waits for d, or until tidySoon is called, and reports whether ctx is still not done.
func (s *Sink) sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
	case <-s.wake:
	}
	return ctx.Err() == nil
}

// tidySoon has the task do its work before it is time.
func (s *Sink) tidySoon() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// tidy removes what was left half compressed, rotates what nobody writes to although its time is over, removes what is
// not to be kept, and compresses the rest. One that is stopped at any point is continued by the next.
func (s *Sink) tidy(ctx context.Context, now time.Time) {
	err := s.disk.restore()
	v := s.look(ctx, now)
	v.note(".", err)
	for i := range v.items {
		if v.items[i].temp {
			v.note(v.items[i].name, s.removeIdle(v.items[i].name))
		}
	}
	if s.rotateIdle(ctx, v) {
		errs := v.errs
		v = s.look(ctx, now)
		v.errs = append(errs, v.errs...)
	}
	s.retain(v)
	for _, i := range v.items {
		if s.cfg.Compress != NoCompression && i.rotated && !i.packed && ctx.Err() == nil {
			v.note(i.name, s.pack(ctx, &i))
		}
	}
	if ctx.Err() == nil {
		s.troubles.note(troubleTidy, errors.Join(v.errs...))
	}
}

// look makes a survey.
func (s *Sink) look(ctx context.Context, now time.Time) *survey {
	v := &survey{sink: s, now: now}
	v.take(ctx, place{}, 0)
	return v
}

// rotateIdle rotates the logs that are due and have not been written to since, and reports whether there were any.
func (s *Sink) rotateIdle(ctx context.Context, v *survey) (found bool) {
	due := s.rules.calendar.latest(v.now)
	for _, i := range v.items {
		if i.rotated || i.size == 0 || ctx.Err() != nil {
			continue
		}
		ended := s.cfg.Compress != NoCompression && i.over() && v.now.Sub(i.changed) >= late
		if !ended && !i.changed.Before(due) {
			continue
		}
		rotated, err := s.rotateNow(ctx, i.log, v.now, ended)
		s.trim()
		found = found || rotated
		if !errors.Is(err, ErrInUse) { // whoever has it rotates it
			v.note(i.name, err)
		}
	}
	return found
}

// rotateNow rotates a log unless somebody wrote to it in the meantime.
func (s *Sink) rotateNow(ctx context.Context, path string, now time.Time, ended bool) (bool, error) {
	l := s.shelf.hold(s, path)
	defer s.shelf.release(l)
	if err := l.lock(ctx); err != nil {
		return false, nil
	}
	defer l.unlock()
	if err := l.ready(now); err != nil {
		return false, err
	}
	if l.size == 0 || now.Before(l.stay) || !l.due(now) && !(ended && now.Sub(l.last) >= late) {
		return false, nil
	}
	if err := l.rotate(now); err != nil {
		return false, err
	}
	return true, nil
}

// removeIdle removes a file unless somebody is writing it.
func (s *Sink) removeIdle(name string) error {
	f, err := s.disk.open(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := claim(f); err != nil {
		_ = f.Close()
		if errors.Is(err, ErrInUse) {
			return nil
		}
		return err
	}
	return errors.Join(s.remove(name), f.Close())
}

// remove removes a file; it may be gone already.
func (s *Sink) remove(name string) error {
	if err := s.disk.remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
