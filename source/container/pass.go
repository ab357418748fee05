package container

import (
	"context"
	"errors"
	"io"
	"math"
	"time"

	"github.com/logferry/logferry/source/record"
)

// A pass reads a part of a log once, from its beginning to its end, looks for
// the message that was delivered last, and sends what follows it.
type pass struct {
	f       *follower
	request logRequest
	from    position
	body    io.Closer
	framer  framer
	marker  *marker

	found bool // the message was seen: what comes is new
	until bool // the message from.until was seen
	sure  bool // last is
	last  mark // of the last message
	count int  // messages
	fresh int  // those that are new
}

// newPass returns a pass that sends what follows from.
func (f *follower) newPass(r logRequest, from position) *pass {
	whole := r.tail == 0 // or all from a time on, which parts none that are alike
	return &pass{f: f, request: r, from: from, marker: newMarker(whole)}
}

// run reads until the log ends, as the engine has it now. The error is of the
// engine, or, as a *sendError, of the stream. What was read before it has been
// sent.
func (p *pass) run(ctx context.Context) error {
	dog := p.f.crew.watchdog
	guarded, read, end := dog.guard(ctx)
	defer end()
	err := p.open(guarded)
	if err != nil {
		return err
	}
	defer p.close()
	for err == nil {
		if err = p.drain(ctx); err == nil {
			err = dog.wait(read, p.framer.fill)
		}
	}
	if err != io.EOF && ctx.Err() == nil && guarded.Err() != nil {
		err = context.Cause(guarded)
	}
	return p.end(ctx, err)
}

func (p *pass) open(ctx context.Context) error {
	body, err := p.f.crew.engine.logs(ctx, p.f.id, p.request)
	if err != nil {
		return err
	}
	p.body, p.framer = body, newFramer(body, p.f.tty)
	if p.from.start() {
		p.begin()
	}
	return nil
}

func (p *pass) close() {
	p.body.Close() // what it would tell is no news: the pass is over
}

// begin takes what comes now.
func (p *pass) begin() {
	p.found = true
	p.f.track.begin(p.from)
}

// drain takes the messages that have been read.
func (p *pass) drain(ctx context.Context) error {
	for {
		m, ok, err := p.framer.next()
		if err != nil || !ok {
			return err
		}
		if err := p.take(ctx, &m); err != nil {
			return err
		}
	}
}

func (p *pass) take(ctx context.Context, m *frame) error {
	p.last, p.sure = p.marker.mark(m)
	p.count++
	if !p.found {
		if p.count == 1 && p.short(m) {
			return errShort
		}
		p.until = p.until || p.last == p.from.until
		if p.sure && p.last == p.from.after {
			p.begin()
		}
		return nil
	}
	p.fresh++
	p.f.track.add(m, p.last)
	if !p.f.track.full() {
		return nil
	}
	return p.f.flush(ctx)
}

// errShort says that a pass began behind the message that was delivered last.
var errShort = errors.New("more of the log has to be read")

// short reports whether so few messages were asked for that the first one, m,
// already is younger than the one looked for. Clocks that are set back make that
// a mistake, which costs another pass.
func (p *pass) short(m *frame) bool {
	return p.request.tail > 0 && !p.request.follow && p.from.after.nth >= 0 && m.time > p.from.after.time+int64(sinceLead)
}

// end sends what was read before the log ended with err.
func (p *pass) end(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*sendError](err); ok {
		return err
	}
	if err == io.EOF {
		err = nil
		for m, ok := p.framer.rest(); ok; m, ok = p.framer.rest() {
			if err := p.take(ctx, &m); err != nil {
				return err
			}
		}
	}
	if p.found {
		if err := p.f.flush(ctx); err != nil {
			return err
		}
	}
	return err
}

const (
	// tailMin is how many messages are asked for at the least, when few are new;
	// tailLive when it is not known how many are.
	tailMin  = 32
	tailLive = 1000
	// tailMax is how many messages are asked for by their number. The engine
	// finds the last ones quickly; beyond it the whole log is better read once.
	tailMax = 256 << 10
	// sinceLead is how much earlier than the message that is looked for a log is
	// read: times are not quite in order.
	sinceLead = 2 * time.Second
)

// catchUp sends everything that the engine has behind f's position, and returns
// how many messages that were. It reads without following, which alone is
// reliable when log files rotate: so much of the end as will do, and more as
// long as the message that was delivered last is not among it.
func (f *follower) catchUp(ctx context.Context) (fresh int, err error) {
	from, err := f.certain(ctx)
	if err != nil {
		return 0, err
	}
	whole := false
	for tail := f.tail; ; {
		r := logRequest{tail: tail}
		switch {
		case whole, from.start(), f.total < tailLive:
			r.tail = 0
		case f.podman, tail > tailMax && f.crew.lenient():
			r = logRequest{since: from.since()}
		case tail > tailMax:
			r.tail = 0
		}
		p := f.newPass(r, from)
		err := p.run(ctx)
		if err == errShort {
			tail *= 4
			continue
		}
		f.total = p.total(err)
		if err == nil && p.found && f.track.skipping {
			// What was not there to be left out was left out up to the end.
			f.gap()
			from = position{after: from.after}
			continue
		}
		if err != nil || p.found {
			f.tail = min(max(2*p.fresh+tailMin, tailMin), tailMax)
			return f.fresh(p), err
		}
		switch {
		case !r.since.IsZero():
			whole = true // a file may have been left out by the time of its last message
		case r.tail == 0:
			f.gap()
			from = p.remains()
		case p.count < tail:
			tail = tailMax + 1
		default:
			tail *= 4
		}
	}
}

// certain is f's position without what is to be left out of one output, if the
// message up to which that is has been rotated away: all that comes would be left
// out. Only at the beginning of the log no other message has to be found first, which
// is older.
func (f *follower) certain(ctx context.Context) (position, error) {
	if !f.sent.start() || f.sent.skip == record.None {
		return f.sent, nil
	}
	p := f.newPass(logRequest{}, position{after: nowhere, skip: f.sent.skip, until: f.sent.until})
	err := p.run(ctx)
	if err == nil && !p.until {
		f.gap()
	}
	return p.remains(), err
}

// nowhere is a mark that no message has, so that a pass from there sends nothing.
var nowhere = mark{nth: -1}

// fresh is how many messages of p were not there before: an entry that is open is
// read again each time.
func (f *follower) fresh(p *pass) int {
	if p.last == f.newest {
		return 0
	}
	f.newest = p.last
	return p.fresh
}

// since is from when on a log is read to find the message p is behind.
func (p *position) since() time.Time { return time.Unix(0, p.after.time).Add(-sinceLead) }

// total is how many messages there are in the whole log, if that is known after
// a pass that ended with err, and a large number otherwise.
func (p *pass) total(err error) int {
	whole := p.request.since.IsZero() && (p.request.tail == 0 || p.count < p.request.tail)
	if err != nil || !whole {
		return math.MaxInt
	}
	return p.count
}

// remains is where to go on when the message delivered last is not there any
// more: with all that is.
func (p *pass) remains() position {
	if !p.until {
		return position{}
	}
	return position{skip: p.from.skip, until: p.from.until}
}

// leaveOut puts f's position behind everything there is.
func (f *follower) leaveOut(ctx context.Context) error {
	for tail := tailMin; ; {
		r := logRequest{tail: tail}
		if tail > tailMax || f.podman {
			r.tail = 0
		}
		p := f.newPass(r, position{after: nowhere})
		if err := p.run(ctx); err != nil {
			return err
		}
		switch {
		case p.count == 0 || p.sure:
			return f.move(ctx, position{after: p.last})
		case p.count < tail:
			tail = tailMax + 1
		default:
			tail *= 4
		}
	}
}

// wants reports whether what is written to out is to be delivered.
func (p *plan) wants(out record.Stream) bool {
	switch p.Outputs {
	case Stdout:
		return out == record.Stdout
	case Stderr:
		return out == record.Stderr
	default:
		return true
	}
}
