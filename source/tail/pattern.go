package tail

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// A pattern is one entry of Config.Paths, made absolute.
type pattern struct {
	path string // as the system writes it
	glob string // with forward slashes; empty for a plain path
	base string // the folder below which a glob can match
	// depth is how many folders below base a match may lie, -1 if there is no
	// bound.
	depth int
}

var errPattern = errors.New("malformed pattern")

// parsePattern makes text, relative to the working directory, a pattern.
func parsePattern(text string) (pattern, error) {
	if text == "" {
		return pattern{}, errors.New("empty path")
	}
	abs, err := filepath.Abs(text)
	if err != nil {
		return pattern{}, err
	}
	if !isGlob(text) {
		return pattern{path: abs}, nil
	}
	glob := filepath.ToSlash(abs)
	if !doublestar.ValidatePattern(glob) {
		return pattern{}, errPattern
	}
	return globPattern(abs, glob), nil
}

// isGlob reports whether text holds characters with a meaning in patterns. A
// backslash quotes one, except on Windows, where it separates folders.
func isGlob(text string) bool {
	if runtime.GOOS != "windows" && strings.ContainsRune(text, '\\') {
		return true
	}
	return strings.ContainsAny(text, "*?[{")
}

func globPattern(path, glob string) pattern {
	meta := strings.IndexAny(glob, `*?[{\`)
	slash := strings.LastIndexByte(glob[:meta], '/')
	p := pattern{path: path, glob: glob, base: filepath.FromSlash(glob[:max(slash, 1)]), depth: -1}
	if !strings.Contains(glob, "**") {
		// Slashes within braces make this more than needed, never less.
		p.depth = strings.Count(glob[slash+1:], "/")
	}
	return p
}

// matches reports whether path, absolute and clean, is meant by p.
func (p *pattern) matches(path string) bool {
	if p.glob == "" {
		return path == p.path
	}
	return doublestar.MatchUnvalidated(p.glob, filepath.ToSlash(path))
}

// A walk is one look at all files that patterns mean.
type walk struct {
	file func(path string) // called for each match; may name a file more than once
	// followed reports whether path is known to be a match, for less than it
	// takes to find out.
	followed func(path string) bool
	watch    func(folder string)                        // called for each folder to look into, before it is listed
	folder   func(path string)                          // called for each folder read
	fail     func(folder string, err error)             // called for each folder that cannot be read
	list     func(folder string) ([]os.DirEntry, error) // what it holds, in any order
}

// run looks for the matches of p. Folders are followed through symbolic links,
// but never into themselves.
func (w *walk) run(p *pattern) {
	if p.glob == "" {
		w.watch(filepath.Dir(p.path))
		w.file(p.path)
		return
	}
	var above []identity
	if fi, err := statPath(p.base); err == nil {
		above = append(above, fi.id)
	}
	w.read(p, p.base, 0, above)
}

func (w *walk) read(p *pattern, dir string, depth int, above []identity) {
	w.watch(dir) // first: what comes after it was listed makes an event
	entries, err := w.list(dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			w.fail(dir, err)
		}
		return
	}
	w.folder(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.Type()&(fs.ModeDir|fs.ModeSymlink) != 0 && (p.depth < 0 || depth < p.depth) {
			if w.enter(p, path, depth, above) {
				continue
			}
		}
		if !e.IsDir() && (w.followed(path) || p.matches(path)) {
			w.file(path)
		}
	}
}

// enter reads the folder at path and reports whether it is one.
func (w *walk) enter(p *pattern, path string, depth int, above []identity) bool {
	fi, err := statPath(path)
	if err != nil || !fi.mode.IsDir() {
		return false
	}
	if !slices.Contains(above, fi.id) {
		w.read(p, path, depth+1, append(slices.Clip(above), fi.id))
	}
	return true
}

// excluded reports whether one of the patterns, of Config.Exclude, matches the
// path; those without a slash are matched against its last element.
func excluded(exclude []string, path string) bool {
	slashed := filepath.ToSlash(path)
	for _, p := range exclude {
		name := slashed
		if !strings.Contains(p, "/") {
			name = slashed[strings.LastIndexByte(slashed, '/')+1:]
		}
		if doublestar.MatchUnvalidated(p, name) {
			return true
		}
	}
	return false
}

// parseExclude makes an entry of Config.Exclude what excluded expects.
func parseExclude(text string) (string, error) {
	p := filepath.ToSlash(text)
	if text == "" {
		return "", errors.New("empty pattern")
	}
	if strings.Contains(p, "/") && !strings.HasPrefix(p, "**") {
		abs, err := filepath.Abs(text)
		if err != nil {
			return "", err
		}
		p = filepath.ToSlash(abs)
	}
	if !doublestar.ValidatePattern(p) {
		return "", errPattern
	}
	return p, nil
}
