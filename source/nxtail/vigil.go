package nxtail

import (
	"log/slog"
	"time"

	nxadm "github.com/nxadm/tail"
)

// A vigil watches over the reading of one file: it knows how far that has come,
// and finds out when it is over.
type vigil struct {
	follower *follower
	offset   int64     // behind the last line read
	since    time.Time // nothing was read, and the file has not changed
	size     int64
	gone     bool // as the file was at the last look
	told     bool // that the file cannot be read
}

// pass notes a line. One that does not end where it ought to has been read after
// nxadm/tail has opened the file again, which it does only when it was truncated.
func (v *vigil) pass(l *nxadm.Line) {
	if l.SeekInfo.Offset != v.offset+int64(len(l.Text))+1 {
		v.follower.warn("a file was truncated: it is read from its beginning, and what was not read before is lost")
	}
	v.offset = l.SeekInfo.Offset
}

// pace is how many bytes of a line nxadm/tail reads in a second, at the least.
const pace = 16 << 20

// over is asked at each look. It reports whether the reading is to end: because
// the file is done, or because lines have been there for long and do not come.
func (v *vigil) over() bool {
	f := v.follower
	gone := f.file.gone.Load()
	if size := f.file.size(); size != v.size || gone && !v.gone {
		v.size, v.since = size, time.Now()
	}
	v.gone = gone
	left := v.size - v.offset
	reading := time.Duration(min(max(left, 0), maxMaxLine)/pace) * time.Second
	if time.Since(v.since) < f.cfg.RotateWait+reading {
		return false
	}
	if left <= 0 {
		f.done = gone
		return gone
	}
	whole, err := f.file.owes(v.offset, gone)
	if whole {
		f.warn("nxadm/tail has not noticed a change; reading is begun again", slog.Int64("offset", v.offset))
		return true
	}
	v.tell(gone, left, err)
	f.done = gone
	return gone
}

// tell logs what is not read: once, if it cannot be, which nxadm/tail takes for the
// end of the file, and when it is given up.
func (v *vigil) tell(gone bool, left int64, err error) {
	f := v.follower
	switch {
	case gone && err != nil:
		f.warn("the rest of a file that was renamed or deleted cannot be read and is left out", slog.Int64("bytes", left), slog.Any("error", err))
	case gone:
		f.warn("the last line of a file that was renamed or deleted has no end and is left out", slog.Int64("bytes", left))
	case err != nil && !v.told:
		f.warn("cannot read a file", slog.Int64("offset", v.offset), slog.Any("error", err))
		v.told = true
	}
}
