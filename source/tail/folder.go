package tail

import (
	"errors"
	"io/fs"
	"log/slog"
)

// A folder is one whose events are wanted.
type folder struct {
	id   identity // as it was when it was watched
	on   bool     // it is watched, as far as is known
	told bool     // it was logged that it cannot be
}

// watchFolder asks for the events of the folder at path, once.
func (s *scanner) watchFolder(path string) {
	if s.watch == nil {
		return
	}
	d := s.watched[path]
	if d == nil {
		d = &folder{}
		s.watched[path] = d
	}
	if d.on {
		return
	}
	// The number is asked for first: if another folder comes between, the next
	// look finds that it differs.
	st, err := statPath(path)
	if err == nil && !st.mode.IsDir() {
		err = fs.ErrNotExist
	}
	if err == nil {
		d.id = st.id
		err = s.watch.add(path)
	}
	d.on = err == nil
	if err != nil && !d.told && !errors.Is(err, fs.ErrNotExist) {
		d.told = true
		s.log.Warn("no events of a folder, polling it", slog.String("folder", path), slog.Any("error", err))
	}
}

// checkFolders forgets the folders that are gone and watches anew those that
// were replaced. It reports whether it found one. Events do not tell of all:
// not if a folder further up was renamed, nor if they were lost.
func (s *scanner) checkFolders() (found bool) {
	for path, d := range s.watched {
		st, err := statPath(path)
		gone := errors.Is(err, fs.ErrNotExist) || err == nil && !st.mode.IsDir()
		if d.on && err == nil && !gone && st.id == d.id {
			continue
		}
		if d.on {
			s.watch.remove(path)
			d.on, found = false, true
		}
		if gone {
			delete(s.watched, path)
		} else {
			s.watchFolder(path)
		}
	}
	return found
}

// doubt has the next look watch a folder again: one that was deleted is not
// watched any more, and its number may be given to the one that takes its
// place.
func (s *scanner) doubt(path string) {
	if d := s.watched[path]; d != nil {
		d.on = false
	}
}
