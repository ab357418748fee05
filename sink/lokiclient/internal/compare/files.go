package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// generations of each file are kept, before the oldest is deleted.
const generations = 5

// A logFile is one that is written and rotated.
type logFile struct {
	path string
	f    *os.File
	late bool // renamed, and still written to
}

// A folder is the files that a subject follows.
type folder struct {
	files []*logFile
	text  *text
}

// newFolder makes n empty files.
func newFolder(dir string, n int, t *text) (*folder, error) {
	d := &folder{text: t}
	for i := range n {
		l := &logFile{path: filepath.Join(dir, fmt.Sprintf("app-%d.log", i))}
		if err := l.open(); err != nil {
			return nil, errors.Join(err, d.close())
		}
		d.files = append(d.files, l)
	}
	return d, nil
}

func (l *logFile) open() (err error) {
	l.f, err = os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	return err
}

func (d *folder) paths() (paths []string) {
	for _, l := range d.files {
		paths = append(paths, l.path)
	}
	return paths
}

// write writes n lines, in turns, to each file at once what is its share.
func (d *folder) write(n int) error {
	for i, l := range d.files {
		var buf []byte
		for range share(n, len(d.files), i) {
			buf = d.text.appendLine(buf)
		}
		if _, err := l.f.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// share is how many of n things the i-th of several gets.
func share(n, of, i int) int { return (n + of - 1 - i) / of }

// reopen has the files that were renamed written to no longer.
func (d *folder) reopen() error {
	for _, l := range d.files {
		if !l.late {
			continue
		}
		l.late = false
		if err := errors.Join(l.f.Close(), l.open()); err != nil {
			return err
		}
	}
	return nil
}

// live writes lines at a rate for a while, a few every five milliseconds, and rotates the files in between.
func (d *folder) live(rate int, during, every time.Duration, rotate func(*logFile) error) error {
	start := time.Now()
	next := every
	for written := 0; time.Since(start) < during; time.Sleep(5 * time.Millisecond) {
		due := int(time.Since(start).Seconds() * float64(rate))
		if err := d.write(due - written); err != nil {
			return err
		}
		written = due
		if err := d.reopen(); err != nil {
			return err
		}
		if time.Since(start) < next {
			continue
		}
		next += every
		for _, l := range d.files {
			if err := rotate(l); err != nil {
				return err
			}
		}
	}
	return d.reopen()
}

// rename rotates by renaming. What is written next still goes to the old file.
func rename(l *logFile) error {
	l.late = true
	return errors.Join(shift(l.path), os.Rename(l.path, generation(l.path, 1)))
}

// copytruncate copies the file and truncates it.
func copytruncate(l *logFile) error {
	if err := shift(l.path); err != nil {
		return err
	}
	from, err := os.Open(l.path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(generation(l.path, 1), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close(), l.f.Truncate(0))
}

func generation(path string, n int) string { return fmt.Sprintf("%s.%d", path, n) }

// shift makes room for a new generation.
func shift(path string) error {
	for n := generations; n > 0; n-- {
		var err error
		if n == generations {
			err = os.Remove(generation(path, n))
		} else {
			err = os.Rename(generation(path, n), generation(path, n+1))
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (d *folder) close() error {
	var errs []error
	for _, l := range d.files {
		errs = append(errs, l.f.Close())
	}
	return errors.Join(errs...)
}
