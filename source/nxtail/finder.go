package nxtail

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/logferry/logferry/source"
)

// maxFound bounds the files of one path that are open and wait to be read.
const maxFound = 16

// A finder looks at one path and opens what appears there. It does nothing else,
// so that a follower that still reads a file, or waits for room, misses none.
type finder struct {
	path   string
	out    *source.Outlet
	found  chan *file
	skip   bool   // the first look leaves out what is there: Config.From
	newest *file  // nil: nothing was at the path at the last look
	refuse string // why it could not be opened then
}

// run looks until ctx is done.
func (d *finder) run(ctx context.Context) error {
	tick := time.NewTicker(pollInterval())
	defer tick.Stop()
	for {
		f := d.look()
		if f != nil && d.skip {
			f.start = f.end()
		}
		d.skip = false
		if f != nil {
			select {
			case d.found <- f:
				d.newest = f
			case <-ctx.Done():
				f.close()
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// look returns what is at the path if it is not the newest file found, which is
// gone then. That may be closed only once it is: as long as it is open, no other
// file can have its number.
func (d *finder) look() *file {
	if d.newest != nil {
		if d.newest.at(d.path) {
			return nil
		}
		d.newest.gone.Store(true)
		d.newest = nil
	}
	f, err := openFile(d.path)
	if err != nil {
		d.complain(err)
		return nil
	}
	d.refuse = ""
	return f
}

// complain logs why the path cannot be read, until there is another reason.
func (d *finder) complain(err error) {
	if text := err.Error(); text != d.refuse && !missing(err) {
		d.out.Logger().Warn("cannot read a file", slog.String("path", d.path), slog.Any("error", err))
	}
	d.refuse = err.Error()
}

// left closes what was found and not taken. Nobody runs any more.
func (d *finder) left() {
	for len(d.found) > 0 {
		(<-d.found).close()
	}
}

// at reports whether f is still the file at path. Where that cannot be found out,
// the next look will tell.
func (f *file) at(path string) bool {
	fi, err := os.Stat(path)
	if err != nil {
		return !missing(err)
	}
	return os.SameFile(fi, f.fi)
}

// missing reports whether err says that there is nothing at a path: a folder that
// was replaced by a file has nothing in it.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
