package container

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/labelset"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/record"
	"github.com/logferry/logferry/source/tail"
)

const (
	// jsonDriver is the log driver whose files can be read.
	jsonDriver = "json-file"
	// jsonSuffix follows the id of a container in the name of its file, which
	// lies in a folder that has the id for its name (StartLogger in
	// container/container.go of github.com/moby/moby).
	jsonSuffix = "-json.log"
	// absences is how many lists in a row must lack a container for it to be
	// forgotten: one may have been made before the container was.
	absences = 2
)

// A direct reads the log files of those containers that it is told of. It sends
// through the outlet of the Source, where its streams are named by paths, so that
// those that are named by ids are not in its way. It outlives Run. Its methods may
// be called concurrently, but for run. A nil one reads nothing.
type direct struct {
	root string // of the engine's containers
	tail *tail.Source

	mu    sync.Mutex
	known map[string]*dossier // by the id of the container
}

// A dossier is what is known of a container whose file is read.
type dossier struct {
	who
	log    *slog.Logger // names the container
	err    error        // why its file could not be opened; nil: it could
	told   bool         // that was logged
	gone   bool         // the container was removed
	absent int          // lists in a row that lacked it
}

// newDirect returns what reads the files in p.Direct. That folder may come later,
// but what is there must be one.
func newDirect(p *plan) (*direct, error) {
	root, err := filepath.Abs(p.Direct)
	if err != nil {
		return nil, err
	}
	if err := checkFolder(root); err != nil {
		return nil, err
	}
	quoted, err := quote(root)
	if err != nil {
		return nil, err
	}
	multiline := p.Multiline
	if multiline.Rule.IsZero() {
		multiline = record.Multiline{Timeout: p.Multiline.Timeout} // for pieces of lines
	}
	d := &direct{root: root, known: map[string]*dossier{}}
	d.tail, err = tail.New(tail.Config{
		Paths:     []string{filepath.Join(quoted, "*", "*"+jsonSuffix)},
		Accept:    d.accept,
		Rotated:   true,
		From:      map[From]tail.From{Start: tail.Start, End: tail.End}[p.From],
		Labels:    func(path string) batch.Labels { return d.whose(path).labels },
		Attrs:     func(path string) []batch.Attr { return d.whose(path).attrs },
		Format:    record.DockerJSON,
		Output:    map[Outputs]record.Stream{Stdout: record.Stdout, Stderr: record.Stderr}[p.Outputs],
		MaxLine:   p.MaxLine,
		Multiline: multiline,
		// The engine writes nothing more to a file that it has renamed, but the
		// last entry of that must have come before what follows it.
		RotateWait: multiline.Timeout + time.Second,
	})
	return d, err
}

// checkFolder says why the folder at root, if anything is there, cannot be read.
func checkFolder(root string) error {
	f, err := os.Open(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return causeOf(err)
	}
	defer f.Close()
	if _, err = f.ReadDir(1); err == io.EOF {
		return nil
	}
	return causeOf(err)
}

// causeOf leaves out what a PathError says of the operation and the path: it is
// named anyway.
func causeOf(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// patternRunes have a meaning in patterns.
const patternRunes = `*?[{\`

// quote makes path a pattern that means it alone.
func quote(path string) (string, error) {
	if runtime.GOOS == "windows" {
		if strings.ContainsAny(path, "*?[{") {
			return "", errors.New("a path with one of *?[{ in it is a pattern")
		}
		return path, nil
	}
	var b strings.Builder
	for i := range len(path) {
		if strings.IndexByte(patternRunes, path[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(path[i])
	}
	return b.String(), nil
}

// run reads until ctx is done. It is a helper of Run.
func (d *direct) run(ctx context.Context, out *source.Outlet) error {
	return d.tail.Run(ctx, out)
}

// admit has the file of a container read from now on, if it has one, or notes that
// the container is told of by something else than before. It reports whether it is
// for direct to read: not if the log is none of the json-file driver, or where that
// never is. A container that has not been started has no file yet: that is false
// too. A file that cannot be opened is tried again after each list, and never read
// in another way.
func (d *direct) admit(c *details, w who, log *slog.Logger) bool {
	if d == nil || c.driver != jsonDriver || !isID(c.id) || !keeps(c.logPath, c.id) {
		return false
	}
	err := d.open(c.id)
	d.mu.Lock()
	s := d.known[c.id]
	if s == nil {
		s = &dossier{}
		d.known[c.id] = s
	}
	s.who, s.log, s.absent = w, log, 0
	// If there is no file, it may be about to be made, or the container was
	// removed: the next list tells.
	tell := s.opened(d.path(c.id), err, !errors.Is(err, fs.ErrNotExist))
	d.mu.Unlock()
	tell()
	d.tail.Reconsider(d.path(c.id))
	return true
}

// keeps reports whether logPath, on the host of the engine, is where the json-file
// driver has the log of the container. The end of it is the same below Direct.
func keeps(logPath, id string) bool {
	logPath = strings.ReplaceAll(logPath, `\`, "/")
	return path.Base(logPath) == id+jsonSuffix && path.Base(path.Dir(logPath)) == id
}

func (d *direct) path(id string) string { return filepath.Join(d.root, id, id+jsonSuffix) }

// open reports whether the file of a container can be opened.
func (d *direct) open(id string) error {
	f, err := os.Open(d.path(id))
	if err != nil {
		return causeOf(err)
	}
	return f.Close()
}

// opened notes what came of opening the file at path, and returns what logs it, if
// that is news. An error that is not certain is none yet.
func (s *dossier) opened(path string, err error, certain bool) (tell func()) {
	log := s.log.With(slog.String("path", path))
	s.err = err
	switch {
	case err == nil && s.told:
		s.told = false
		return func() { log.Info("the log file of a container can be read again") }
	case err != nil && certain && !s.told:
		s.told = true
		return func() { log.Warn("the log file of a container cannot be read", slog.Any("error", err)) }
	}
	return func() {}
}

// gone notes that the engine has removed the container. What was open of its
// files is read to its end.
func (d *direct) gone(id string) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.known[id]; s != nil {
		s.gone = true
	}
}

// sync says which containers there are, after a list. The others are forgotten
// after a while: what is read of their files still has its labels then. Files that
// could not be opened are tried again.
func (d *direct) sync(ids map[string]struct{}) {
	if d == nil {
		return
	}
	for _, id := range d.closed(ids) {
		err := d.open(id)
		d.mu.Lock()
		tell := func() {}
		if s := d.known[id]; s != nil && !s.gone {
			tell = s.opened(d.path(id), err, true)
		}
		d.mu.Unlock()
		tell()
		d.tail.Reconsider(d.path(id))
	}
}

// closed returns the containers among ids whose files could not be opened, and
// forgets those that are not among them.
func (d *direct) closed(ids map[string]struct{}) (some []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.known, func(id string, s *dossier) bool {
		if _, ok := ids[id]; ok {
			s.absent = 0
			if s.err != nil && !s.gone {
				some = append(some, id)
			}
			return false
		}
		s.absent++
		return s.absent >= absences
	})
	return some
}

// accept is a tail.Config.Accept. What cannot be opened is not accepted, so that
// it is told of once, by the name of the container.
func (d *direct) accept(path string) bool {
	id := idOf(path)
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.known[id]
	return s != nil && !s.gone && path == d.path(id) && (s.err == nil || errors.Is(s.err, fs.ErrNotExist))
}

// whose is what the entries of the file at path tell.
func (d *direct) whose(path string) who {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.known[idOf(path)]; s != nil {
		return s.who
	}
	return who{labels: batch.MustLabels(lonely, labelset.Other)}
}

// idOf is the id of the container whose file is at path.
func idOf(path string) string { return filepath.Base(filepath.Dir(path)) }
