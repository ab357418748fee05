package sourcetest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

// A tape is input in memory.
type tape struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and replaced when lines are added

	// stuck is what flawed sources wait for, so that they can be set free.
	stuck chan struct{}
}

func (f *tape) write(lines ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = append(f.lines, lines...)
	close(f.more)
	f.more = make(chan struct{})
}

// read returns up to n lines from at on, and what to wait for if there are none.
func (f *tape) read(at, n int) ([]string, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at = min(at, len(f.lines))
	return f.lines[at:min(at+n, len(f.lines))], f.more
}

// A reader is a source that reads a tape. Its cursor is the number of the next
// line. The zero flaw is none.
type reader struct {
	tape  *tape
	flaw  flaw
	style style

	// What a source without a flaw would not keep from one run to the next.
	at    int
	buf   []byte
	runs  int
	shown bool
}

type style string

const (
	following style = "following" // waits for more, opens a lost stream again
	failing   style = "failing"   // fails when its stream is lost
	finite    style = "finite"    // returns at the end of the input
	helped    style = "helped"    // reads in a helper, sends in Run
)

type flaw string

const (
	skipsAfterLoss   flaw = "skips after a loss"
	skipsAfterCut    flaw = "goes on behind a batch whose Send was cut short when it is run again"
	wrongCursor      flaw = "sends the cursor of what it has read, not of what is in the batch"
	rewinds          flaw = "ignores its cursor"
	neverReopens     flaw = "never opens a lost stream again"
	ignoresCtx       flaw = "waits for input without looking at ctx"
	ignoresCtxInSend flaw = "sends without ctx"
	leaks            flaw = "leaves a goroutine behind"
	stuckHelper      flaw = "has a helper that does not stop"
	keepsMemory      flaw = "reads into memory it has sent"
	reorders         flaw = "swaps lines"
	repeats          flaw = "sends a line twice"
	drops            flaw = "drops a line"
	trims            flaw = "trims lines"
	panics           flaw = "panics"
)

func (r *reader) Run(ctx context.Context, out *source.Outlet) error {
	r.runs++
	switch r.flaw {
	case leaks:
		go func() { <-r.tape.stuck }()
	case stuckHelper:
		out.Go("stuck", func(context.Context) error { <-r.tape.stuck; return nil })
	}
	for {
		err := r.follow(ctx, out)
		if !errors.Is(err, source.ErrStreamLost) || r.style == failing {
			return err
		}
	}
}

// follow opens the stream and sends what there is until it is lost.
func (r *reader) follow(ctx context.Context, out *source.Outlet) error {
	s, err := out.Open(ctx, "tape", batch.MustLabels("from", "tape"))
	if err != nil {
		return err
	}
	switch {
	case r.flaw == skipsAfterLoss && r.at > 0, r.flaw == skipsAfterCut && r.runs > 1:
	case r.flaw == rewinds:
		r.at = 0
	default:
		r.at, _ = strconv.Atoi(s.Cursor())
	}
	if r.style == helped {
		return r.relay(ctx, out, s)
	}
	for {
		lines, more := r.tape.read(r.at, 4)
		if len(lines) == 0 {
			if r.style == finite {
				return nil
			}
			if !r.wait(ctx, more) {
				return ctx.Err()
			}
			continue
		}
		if err := r.send(ctx, s, lines); err != nil {
			return err
		}
	}
}

func (r *reader) wait(ctx context.Context, more <-chan struct{}) bool {
	done := ctx.Done()
	if r.flaw == ignoresCtx {
		done = r.tape.stuck
	}
	select {
	case <-more:
	case <-done:
	}
	return ctx.Err() == nil
}

func (r *reader) send(ctx context.Context, s *source.Stream, lines []string) error {
	b := r.fill(s, lines)
	next := r.at + len(lines)
	cursor := strconv.Itoa(next)
	if r.flaw == wrongCursor {
		cursor = strconv.Itoa(next + 4)
	}
	if r.flaw == ignoresCtxInSend {
		var cancel context.CancelFunc
		ctx, cancel = r.tape.context()
		defer cancel()
	}
	if r.flaw == skipsAfterCut {
		r.at = next
	}
	err := s.Send(ctx, b, cursor)
	for r.flaw == neverReopens && errors.Is(err, source.ErrStreamLost) && ctx.Err() == nil {
		select { // and again, and again
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
		}
		err = s.Send(ctx, r.fill(s, lines), cursor)
	}
	if err == nil || r.flaw == skipsAfterLoss {
		r.at = next
	}
	return err
}

// context returns one that ends when flawed sources are set free.
func (f *tape) context() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	stop := context.AfterFunc(stuckContext{ctx, f.stuck}, cancel)
	return ctx, func() { stop(); cancel() }
}

type stuckContext struct {
	context.Context
	done chan struct{}
}

func (c stuckContext) Done() <-chan struct{} { return c.done }
func (c stuckContext) Err() error {
	select {
	case <-c.done:
		return context.Canceled
	default:
		return nil
	}
}

func (r *reader) fill(s *source.Stream, lines []string) *batch.Batch {
	b := s.NewBatch()
	lines = slices.Clone(lines)
	once := r.at >= 16 && !r.shown && len(lines) > 2
	switch {
	case r.flaw == reorders && once:
		lines[0], lines[1] = lines[1], lines[0]
	case r.flaw == repeats && once:
		lines[1] = lines[0]
	case r.flaw == drops && once:
		lines = lines[1:]
	case r.flaw == trims:
		for i := range lines {
			lines[i] = trim(lines[i])
		}
	case r.flaw == panics && once:
		r.shown = true
		panic("flaw")
	}
	r.shown = r.shown || once
	if r.flaw == keepsMemory {
		r.reuse(b, lines)
		return b
	}
	for _, l := range lines {
		b.Append(time.Time{}, []byte(l))
	}
	return b
}

func trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	return s
}

// reuse reads into the same buffer each time.
func (r *reader) reuse(b *batch.Batch, lines []string) {
	if r.buf == nil {
		r.buf = make([]byte, 1<<20)
	}
	rest := r.buf
	for _, l := range lines {
		n := copy(rest, l)
		b.AppendShared(time.Time{}, rest[:n])
		rest = rest[n:]
	}
}

// relay reads in a helper.
func (r *reader) relay(ctx context.Context, out *source.Outlet, s *source.Stream) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type item struct {
		b    *batch.Batch
		next string
	}
	items := make(chan item)
	h := out.Go("read", func(hctx context.Context) error {
		for at := r.at; ; {
			lines, more := r.tape.read(at, 4)
			if len(lines) == 0 {
				select {
				case <-more:
				case <-ctx.Done():
					return nil
				case <-hctx.Done():
					return nil
				}
				continue
			}
			at += len(lines)
			select {
			case items <- item{r.fill(s, lines), strconv.Itoa(at)}:
			case <-ctx.Done():
				return nil
			case <-hctx.Done():
				return nil
			}
		}
	})
	defer func() { cancel(); <-h.Done() }()
	for {
		select {
		case it := <-items:
			if err := s.Send(ctx, it.b, it.next); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// newTape returns the feed of sources of that kind.
func newTape(t testing.TB, s style, f flaw) (Feed, *tape) {
	tp := &tape{more: make(chan struct{}), stuck: make(chan struct{})}
	return Feed{Write: tp.write, New: func() source.Source { return &reader{tape: tp, style: s, flaw: f} }}, tp
}
