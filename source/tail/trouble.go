package tail

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"time"
)

// hidden deals with a file whose path cannot be looked at: a folder above may be
// closed to us, or a file system not answer. It has not left.
func (s *scanner) hidden(f *file, err error) (st fileInfo, ok bool) {
	s.complain(f.path, err)
	f.hidden = true
	f.showErr(err)
	if f.h == nil {
		return fileInfo{}, false
	}
	st, err = f.h.stat()
	return st, err == nil
}

// missing reports whether err says that there is nothing at a path.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotFolder)
}

// broken notes that f could not be read.
func (s *scanner) broken(f *file, err error, now time.Time) {
	if sp := s.spots[f.path]; sp == nil || sp.cur == nil || sp.cur == f {
		s.complain(f.path, err)
	} else if f.trouble == "" { // its path is another's now
		s.log.Warn("cannot read a rotated file", slog.String("path", f.path), slog.Any("error", plain(err)))
	}
	f.trouble = err.Error()
	f.showErr(err)
	f.changed = now.Add(-s.IdlePoll) // it is tried again, without haste
	if f.at != "" && !f.busy {
		s.shut(f) // a stale handle does not recover
	}
	if !f.moved.IsZero() {
		s.drain(f, now) // others must not wait for what may never be readable
	}
}

// relieve notes that f could be read.
func (s *scanner) relieve(f *file) {
	if f.trouble != "" {
		f.trouble = ""
		f.showErr(nil)
		s.fine(f.path)
	}
}

// complain logs an error about a path once, until there is another or none.
func (s *scanner) complain(path string, err error) {
	if !s.fail(path, plain(err)) {
		return
	}
	level := slog.LevelWarn
	if s.Once {
		level = slog.LevelError // as a rule nobody tries again
	}
	s.log.Log(context.Background(), level, "cannot read a file", slog.String("path", path), slog.Any("error", plain(err)))
}

// fail notes why path cannot be read, and reports whether that is news.
func (s *scanner) fail(path string, err error) bool {
	s.sweep.failed[path] = struct{}{}
	return s.src.fail(path, err)
}

// fine notes that path can be read after all.
func (s *scanner) fine(path string) {
	if s.src.fail(path, nil) {
		s.log.Info("a file can be read again", slog.String("path", path))
	}
}
