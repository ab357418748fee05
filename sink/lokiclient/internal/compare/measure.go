package main

import (
	"errors"
	"os"
	"time"
)

// A result is all that is measured of one subject.
type result struct {
	subject         string
	renamed, copied count
	written         [2]int // lines, while renaming and while copying
	lines           int    // read for the cost
	cost            report
	down            report
}

func measure(subject string, o options) (r result, err error) {
	r.subject = subject
	for i, way := range []struct {
		rotate func(*logFile) error
		to     *count
	}{{rename, &r.renamed}, {copytruncate, &r.copied}} {
		if *way.to, r.written[i], err = rotated(subject, o, way.rotate); err != nil {
			return r, err
		}
	}
	if r.cost, err = backlog(subject, o); err != nil {
		return r, err
	}
	r.lines = o.backlog
	r.down, err = serverDown(subject, o)
	return r, err
}

// A stage is a server, files, and a subject that follows them.
type stage struct {
	dir     string
	server  *server
	folder  *folder
	process *process
}

// set sets a stage with that many lines in the files when the subject begins.
func set(subject string, o options, lines int) (*stage, error) {
	t, err := readText(o.logs)
	if err != nil {
		return nil, err
	}
	s := &stage{}
	if s.dir, err = os.MkdirTemp("", "compare"); err != nil {
		return nil, err
	}
	if s.server, err = startServer(); err != nil {
		return nil, errors.Join(err, s.strike())
	}
	if s.folder, err = newFolder(s.dir, o.files, t); err != nil {
		return nil, errors.Join(err, s.strike())
	}
	if err := s.folder.write(lines); err != nil {
		return nil, errors.Join(err, s.strike())
	}
	s.process, err = launch(order{Subject: subject, Paths: s.folder.paths(), URL: s.server.url, Patience: o.patience})
	if err != nil {
		return nil, errors.Join(err, s.strike())
	}
	return s, nil
}

// strike takes the stage down.
func (s *stage) strike() error {
	var err error
	if s.process != nil {
		s.process.end()
	}
	if s.folder != nil {
		err = s.folder.close()
	}
	if s.server != nil {
		s.server.stop()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// rotated counts what comes while files are written and rotated. A line that is there first shows that all are followed.
func rotated(subject string, o options, rotate func(*logFile) error) (c count, written int, err error) {
	s, err := set(subject, o, o.files)
	if err != nil {
		return c, 0, err
	}
	defer func() { err = errors.Join(err, s.strike()) }()
	if c := s.server.settle(o.files, time.Minute); c.lost > 0 {
		return c, 0, errors.New("what was there when it began does not come")
	}
	if err := s.folder.live(o.rate, o.during, o.rotate, rotate); err != nil {
		return c, 0, err
	}
	written = s.folder.text.next
	return s.server.settle(written, o.quiet), written, nil
}

// backlog reads files that nobody writes to, and closes when all has come.
func backlog(subject string, o options) (r report, err error) {
	s, err := set(subject, o, o.backlog)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.strike()) }()
	if c := s.server.settle(o.backlog, time.Minute); c.lost > 0 {
		return r, errors.New("not all lines of files come that are at rest")
	}
	return s.process.close()
}

// serverDown closes with lines at hand that nobody takes.
func serverDown(subject string, o options) (r report, err error) {
	s, err := set(subject, o, o.files)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.strike()) }()
	s.server.settle(o.files, time.Minute)
	s.server.stop()
	if err := s.folder.write(1000); err != nil {
		return r, err
	}
	time.Sleep(3 * time.Second) // both have tried by then
	return s.process.close()
}
