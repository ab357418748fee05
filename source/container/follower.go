package container

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

// A follower reads the log of one container. It is in the hands of one
// goroutine at a time: a worker's, or that of its own task, which lays it down
// while it waits for the engine to send something.
type follower struct {
	crew *crew
	id   string
	hold chan struct{} // full while somebody has the follower in hand
	news chan struct{} // tells its task that something was told of it
	post               // guarded by crew.mu

	// What follows belongs to who has it in hand.

	details
	who
	known  bool  // details and who are
	rotate int64 // the size at which its log is rotated

	feed     *feed         // that it is read from now
	brief    bool          // the last one was
	interval time.Duration // until it is polled again; 0: there is more
	before   int           // how much the last round found
	gaining  bool          // the next one will find less
	newest   mark          // the last message that was there
	changed  time.Time     // when there was another

	stream     *source.Stream // nil: to be opened
	sent       position       // of the last Send
	track      *track
	anchorWait time.Duration // see feed.anchorWait
	tail       int           // how many messages to ask for
	total      int           // how many there are, if few
	text       []byte

	backoff *backoff.ExponentialBackOff
	trouble error // that was logged
	failed  int   // times in a row
	failing time.Time
	gapAt   time.Time
	shown   *view
}

func newFollower(c *crew, id string) *follower {
	return &follower{
		crew: c, id: id, hold: make(chan struct{}, 1), news: make(chan struct{}, 1),
		anchorWait: anchorWait, tail: tailLive, total: math.MaxInt, before: math.MaxInt, backoff: newPause(), shown: &view{id: id},
	}
}

// A sendError tells a failed Send or Open from what the engine failed to do.
// The stream must be opened again.
type sendError struct{ error }

func (e *sendError) Unwrap() error { return e.error }

// errExcluded says that a container is not to be followed.
var errExcluded = errors.New("excluded")

// errDirect says that the log of a container is read from its file.
var errDirect = errors.New("read directly")

// look asks the engine what the container is now.
func (f *follower) look(ctx context.Context) error {
	d, err := f.crew.engine.inspect(ctx, f.id)
	if err != nil {
		return err
	}
	w, ok := f.crew.selector.admit(&d, f.crew.standing(f))
	if !ok {
		return errExcluded
	}
	if f.stream != nil && w.labels != f.who.labels {
		f.stream = nil // it has other labels from now on
	}
	f.details, f.who, f.known = d, w, true
	f.crew.admit(f)
	f.shown.name.Store(&d.name)
	if f.crew.src.direct.admit(&d, w, f.log()) {
		f.shown.is(Direct)
		return errDirect
	}
	f.rotate = rotation(&d)
	if f.track != nil {
		f.track.describe(d.tty, w.attrs)
		f.track.podman = d.podman
	}
	return nil
}

// open makes sure of a stream.
func (f *follower) open(ctx context.Context) error {
	if f.stream != nil {
		return nil
	}
	f.drop()
	s, err := f.crew.out.Open(ctx, f.id, f.who.labels)
	if err != nil {
		return &sendError{err}
	}
	text := s.Cursor()
	f.sent, err = parsePosition(text)
	if err != nil {
		f.log().Warn("the cursor of a container is damaged, its log is read from the beginning", slog.Any("error", err))
	}
	f.stream = s
	if text == "" && f.crew.leavesOut(f) {
		return f.leaveOut(ctx)
	}
	return nil
}

// drop forgets what was not sent.
func (f *follower) drop() {
	if f.track != nil {
		f.track.drop()
	}
}

// flush sends what the track has, if anything.
func (f *follower) flush(ctx context.Context) error {
	p := f.track.position()
	if f.track.b == nil && p == f.sent {
		return nil
	}
	b := f.track.take()
	f.shown.sending(b)
	if err := f.send(ctx, b, p); err != nil {
		return err
	}
	f.track.settled()
	return nil
}

// move sends nothing but a position.
func (f *follower) move(ctx context.Context, p position) error {
	return f.send(ctx, f.stream.NewBatch(), p)
}

func (f *follower) send(ctx context.Context, b *batch.Batch, p position) error {
	f.text = p.append(f.text[:0])
	if err := f.stream.Send(ctx, b, string(f.text)); err != nil {
		f.stream = nil
		return &sendError{err}
	}
	f.sent = p
	return nil
}

// finish sends what is open: nothing will follow it.
func (f *follower) finish(ctx context.Context) error {
	if f.stream == nil || f.track == nil {
		return nil
	}
	f.track.close()
	return f.flush(ctx)
}

// gap tells that messages were rotated away before they were read: at most once
// a minute.
func (f *follower) gap() {
	f.shown.gaps.Add(1)
	if now := time.Now(); now.Sub(f.gapAt) >= time.Minute {
		f.gapAt = now
		f.log().Warn("the engine has deleted lines of a container before they were read")
	}
}

func (f *follower) log() *slog.Logger {
	return f.crew.out.Logger().With(slog.String("container", f.name), slog.String("id", short(f.id)))
}

// grace is for how long a container may fail to be read before that is worth a
// line in the log: while its engine is restarted, or it is removed, it does.
const grace = 10 * time.Second

// fail notes that err kept f from being read, and returns how long to wait.
func (f *follower) fail(err error) time.Duration {
	if f.failed++; f.failed == 1 {
		f.failing = time.Now()
	}
	if f.trouble == nil && time.Since(f.failing) >= grace {
		f.trouble = err
		f.log().Warn("a container cannot be read", slog.Any("error", err))
	}
	f.shown.fail(err)
	return next(f.backoff)
}

// fine notes that f was read.
func (f *follower) fine() {
	if f.trouble != nil {
		f.log().Info("a container can be read again")
	}
	f.trouble, f.failed = nil, 0
	f.backoff.Reset()
	f.shown.fail(nil)
}
