package nxtail

import (
	"context"
	"errors"
	"log/slog"
	"time"

	nxadm "github.com/nxadm/tail"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

// A follower reads what is at one path, file after file, as one stream. One
// goroutine uses it, for one Run.
type follower struct {
	cfg   *Config
	path  string
	out   *source.Outlet
	found <-chan *file
	file  *file  // nil: none is open
	done  bool   // file was read to its end, and is not at path any more
	sent  string // the cursor sent last
	ended string // the cursor at the end of the file before, if that is done
}

// run follows the path until ctx is done.
func (f *follower) run(ctx context.Context) error {
	defer f.close()
	labels := f.cfg.Labels(f.path)
	for {
		// Open waits until all that was sent has settled. So it tells of a file
		// that is done whether all of it was delivered or some is to be read again.
		s, err := f.out.Open(ctx, f.path, labels)
		if err != nil {
			return err
		}
		if f.done && s.Cursor() == f.sent {
			f.ended = f.sent
			f.close()
		}
		if f.file == nil {
			select {
			case f.file = <-f.found:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if err := f.read(ctx, s); err != nil && !errors.Is(err, source.ErrStreamLost) {
			return err
		}
	}
}

func (f *follower) close() {
	if f.file != nil {
		f.file.close()
	}
	f.file, f.done = nil, false
}

// read sends the lines of the open file from the stream's cursor on. It returns
// nil when the file is done, and when nxadm/tail has stopped short of its end, to
// be called again.
func (f *follower) read(ctx context.Context, s *source.Stream) error {
	f.done, f.sent = false, s.Cursor()
	if err := f.skip(ctx, s); err != nil {
		return err
	}
	v := vigil{follower: f, offset: f.resume(f.sent), since: time.Now()}
	tick := time.NewTicker(f.cfg.RotateWait / 4) // what it tells matters once RotateWait is over
	defer tick.Stop()
	r, err := f.begin(ctx, tick.C, v.offset)
	if err != nil {
		return err
	}
	defer r.stop() // before the file is closed
	for {
		select {
		case l, ok := <-r.lines():
			if !ok {
				f.warn("reading has failed and is begun again", slog.Any("error", r.err()))
				return nil
			}
			if err := f.send(ctx, s, r, l, &v); err != nil {
				return err
			}
		case <-tick.C:
			if v.over() {
				return nil
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// begin has nxadm/tail open the file. That fails when /proc is not there or no
// descriptor is left; then it is tried again at each tick.
func (f *follower) begin(ctx context.Context, tick <-chan time.Time, offset int64) (*reader, error) {
	for told := ""; ; {
		r, err := read(f.file.name(), offset)
		if err == nil {
			return r, nil
		}
		if text := err.Error(); text != told {
			f.warn("cannot read a file", slog.Any("error", err))
			told = text
		}
		select {
		case <-tick:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// skip has the stream begin behind what Config.From leaves out. That is sent as a
// cursor at once: after a restart, what was written meanwhile is not left out.
func (f *follower) skip(ctx context.Context, s *source.Stream) error {
	if f.sent != "" || f.file.start == 0 {
		return nil
	}
	c, err := f.file.cursorAt(f.file.start, int(min(anchorMax, f.file.start)))
	if err != nil {
		return nil // truncated since it was found: what is there is new
	}
	f.sent = c.String()
	return s.Send(ctx, s.NewBatch(), f.sent)
}

// resume is the offset in the open file where reading goes on.
func (f *follower) resume(text string) int64 {
	if text == "" {
		return 0
	}
	c, err := parseCursor(text)
	if err != nil {
		f.warn("the file is read from its beginning", slog.Any("error", err))
		return 0
	}
	if !f.file.holds(c) {
		if text == f.ended {
			return 0 // nothing is lost: this file has taken the place of that
		}
		f.warn("another file than before, or truncated: it is read from its beginning, and what was not read before is lost")
		return 0
	}
	return c.offset
}

// Limits of what is sent at once. Lines come one by one, through a channel
// without room: the wait for the next lets the other side run.
const (
	maxLines = 1000
	maxBytes = 256 << 10
	linger   = 10 * time.Millisecond
)

// send sends l, and what follows it at once.
func (f *follower) send(ctx context.Context, s *source.Stream, r *reader, l *nxadm.Line, v *vigil) error {
	b := s.NewBatch()
	last := f.gather(b, r, l, v)
	f.sent = cursor{f.file.id, v.offset, anchorBehind(last.Text)}.String()
	err := s.Send(ctx, b, f.sent)
	v.since = time.Now() // as long as Send waited, nobody was there to take a line
	return err
}

// gather fills b with l and what follows it at once, and returns the last.
func (f *follower) gather(b *batch.Batch, r *reader, l *nxadm.Line, v *vigil) *nxadm.Line {
	wait := time.NewTimer(linger)
	defer wait.Stop()
	for bytes := 0; ; {
		v.pass(l)
		f.fill(b, l.Text)
		if bytes += len(l.Text); bytes >= maxBytes || len(b.Entries) == maxLines {
			return l
		}
		select {
		case next, ok := <-r.lines():
			if !ok {
				return l
			}
			l = next
		case <-wait.C:
			return l
		}
	}
}

// fill adds a line to b. The text is copied once: a string cannot be shared.
func (f *follower) fill(b *batch.Batch, text string) {
	if n := len(text) - 1; n >= 0 && text[n] == '\r' && !f.cfg.KeepCR {
		text = text[:n]
	}
	var attrs []batch.Attr
	if len(text) > f.cfg.MaxLine {
		text, attrs = text[:f.cfg.MaxLine], []batch.Attr{{Key: "truncated", Value: "true"}}
	}
	line := b.Buffer(len(text))
	copy(line, text)
	b.AppendShared(time.Time{}, line, attrs...)
}

func (f *follower) warn(text string, attrs ...any) {
	f.out.Logger().Warn(text, append([]any{slog.String("path", f.path)}, attrs...)...)
}
