package tail

import (
	"maps"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"
)

// A listing is what a folder held at one time. It serves all that is looked for
// at once: thousands of files may be rotated together.
type listing struct {
	began time.Time
	part  bool // it is not all there was
	took  time.Duration
	names []string            // of its regular files, sorted
	byID  map[identity]string // made when it is first asked for
}

// list returns what dir holds, or held at now at the earliest.
func (s *scanner) list(dir string, now time.Time) *listing {
	if l := s.listings[dir]; l != nil && !l.began.Before(now) {
		return l
	}
	l := &listing{began: time.Now()}
	l.names, l.part = s.regular(dir)
	l.took = time.Since(l.began)
	s.listings[dir] = l
	return l
}

// regular are the names of the regular files in dir, sorted. part is whether
// they are not all there are.
func (s *scanner) regular(dir string) (names []string, part bool) {
	entries, err := s.readDir(dir)
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, err != nil && !missing(err)
}

// lately is how old a listing of dir may be where a moment makes no difference:
// a short one if the folder is small, a longer one if listing it takes long.
func (s *scanner) lately(dir string, now time.Time) time.Time {
	if l := s.listings[dir]; l != nil {
		return now.Add(-10 * l.took)
	}
	return now
}

// siblings are the paths of the files in the folder of path.
func (s *scanner) siblings(path string, now time.Time) []string {
	dir := filepath.Dir(path)
	return joinAll(dir, s.list(dir, now).names)
}

// akin are the paths of those files in the folder of path whose names begin as
// that of path does without its extension: its generations are among them.
func (s *scanner) akin(path, name string, now time.Time) []string {
	dir := filepath.Dir(path)
	return joinAll(dir, akinOf(s.list(dir, now).names, name))
}

// akinOf are those of names, which are sorted, that begin as that of the file at
// path does without its extension.
func akinOf(names []string, path string) []string {
	base := filepath.Base(path)
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	if stem == "" {
		stem = base
	}
	names = names[sort.SearchStrings(names, stem):]
	n := sort.Search(len(names), func(i int) bool { return !strings.HasPrefix(names[i], stem) })
	return names[:n]
}

// dirOf is the folder of path.
func dirOf(path string) string { return filepath.Dir(path) }

func joinAll(dir string, names []string) []string {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = filepath.Join(dir, name)
	}
	return paths
}

// find looks in dir for the file with this identity: "" if it is not there.
// sure is false if that can only be told later: by a listing that was begun at
// since at the earliest. Listing a large folder again and again must not take
// all the time there is.
func (s *scanner) find(id identity, dir string, since, now time.Time) (path string, sure bool) {
	l := s.listings[dir]
	if path = l.place(id, dir); path != "" {
		return path, true
	}
	if l == nil || l.began.Before(since) && now.Sub(l.began) > 10*l.took {
		l = s.list(dir, now)
		path = l.place(id, dir)
	}
	return path, path != "" || !l.part && !l.began.Before(since)
}

// trace looks for f, which is not where it was, in the same folder. sure is
// false if it may be found later: files that are renamed right now may be in no
// listing, and it takes a second, some time after the first, to tell.
func (s *scanner) trace(f *file, now time.Time) (path string, sure bool) {
	if f.missed.IsZero() {
		f.missed = now
	}
	path, sure = s.find(f.id, dirOf(f.where()), f.missed.Add(s.Poll), now)
	if path != "" {
		f.missed = time.Time{}
	}
	return path, sure
}

// place is where the file with this identity is, "" if it is not there.
func (l *listing) place(id identity, dir string) string {
	if l == nil {
		return ""
	}
	if l.byID == nil {
		l.index(dir)
	}
	path := l.byID[id]
	if path == "" {
		return ""
	}
	if st, err := statPath(path); err != nil || st.id != id {
		l.began = time.Time{} // it was renamed since: this says nothing any more
		return ""
	}
	return path
}

func (l *listing) index(dir string) {
	began := time.Now()
	l.byID = make(map[identity]string, len(l.names))
	for _, name := range l.names {
		path := filepath.Join(dir, name)
		if st, err := statPath(path); err == nil && st.mode.IsRegular() {
			l.byID[st.id] = path
		}
	}
	l.took += time.Since(began)
}

// equal reports whether l and of hold the same files by the same names.
func (l *listing) equal(of *listing) bool {
	return slices.Equal(l.names, of.names) && maps.Equal(l.byID, of.byID)
}
