package tail

import (
	"cmp"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxDone bounds how many forgotten files are remembered.
const maxDone = 4096

// skipped looks for files that lay at the path of f after f did and are gone
// from there already: it was rotated more than once between two looks, or
// while nobody looked. They are followed in the order they were changed. It
// returns the file whose end whatever is there now has to wait for, nil if
// there is none.
//
// Such a file is one in the same folder that no pattern finds, whose name is
// that of f with something added, and that was changed after f was.
func (s *scanner) skipped(f *file, now time.Time) *file {
	last := f
	if _, ok := s.files[f]; !ok || f.drained || f.gone {
		last = nil
	}
	if s.Once {
		return last
	}
	since := f.mtime
	if f.h != nil {
		if st, err := f.h.stat(); err == nil {
			since = st.mtime
		}
	}
	var found []*candidate
	for _, path := range s.siblings(f.where()) {
		if !rotatedName(path, f.path) || s.wanted(path) || excluded(s.exclude, path) {
			continue
		}
		if c := s.openCandidate(path); c != nil {
			past, ok := s.done[c.info.id]
			known := ok && past == c.info.mtime || c.info.id == f.id && f.mark().holds(c.h, s.buf)
			if c.info.mtime > since && c.info.size > 0 && !known {
				found = append(found, c)
				continue
			}
			c.h.Close()
		}
	}
	slices.SortFunc(found, func(a, b *candidate) int { return cmp.Compare(a.info.mtime, b.info.mtime) })
	for _, c := range found {
		if n := s.takeSkipped(f, c, now); n != nil {
			n.after = last
			last = n
			s.enqueue(n)
			s.appoint(n, now)
		}
	}
	return last
}

// takeSkipped follows c as one of the files that lay at the path of f, unless
// it is a copy of one that is followed.
func (s *scanner) takeSkipped(f *file, c *candidate, now time.Time) *file {
	n := s.newFile(f.path, c.info, now)
	n.setPlace(c.path)
	n.real, n.moved, n.weighed = c.path, now, true
	s.takeHandle(n, c.h)
	s.readPrefix(n)
	if s.original(n, now) != nil {
		s.log.Info("a rotated file holds what another does, and is taken for a copy", slog.String("path", f.path), slog.String("found", c.path))
		s.shut(n)
		return nil
	}
	n.stream, n.labels = s.mint(n.path), f.labels
	s.register(n)
	s.hint(n, c.path)
	s.log.Info("a file was rotated before it was seen", slog.String("path", f.path), slog.String("found", c.path))
	return n
}

// rotatedName reports whether path looks like a rotated generation of the log
// at name: the same folder is taken for granted. Compressed ones are not.
func rotatedName(path, name string) bool {
	rest, ok := strings.CutPrefix(filepath.Base(path), filepath.Base(name))
	if !ok || rest == "" || !strings.ContainsRune(".-_", rune(rest[0])) {
		return false
	}
	return !slices.ContainsFunc([]string{".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".tmp", ".swp", "~"}, func(part string) bool {
		return strings.Contains(rest, part)
	})
}
