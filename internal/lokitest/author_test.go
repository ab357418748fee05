package lokitest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/logferry/logferry/source"
)

// authorBatch is how many lines an author sends at a time.
const authorBatch = 200

// An author is the source of a script's lines. It writes all streams at once,
// as fast as the pipeline takes them. The cursor of a stream is the number of
// its next line.
type author struct {
	script *script
	done   chan struct{} // closed when all has been sent
	once   sync.Once
}

func newAuthor(s *script) *author { return &author{script: s, done: make(chan struct{})} }

func (a *author) Run(ctx context.Context, out *source.Outlet) error {
	var streams []interface{ Wait(context.Context) error }
	for i := range a.script.lengths {
		streams = append(streams, out.Go(a.script.name(i), func(ctx context.Context) error { return a.write(ctx, out, i) }))
	}
	for _, s := range streams {
		if err := s.Wait(ctx); err != nil {
			return err
		}
	}
	if ctx.Err() == nil {
		a.once.Do(func() { close(a.done) })
	}
	return nil
}

// write writes one stream, again from its cursor when it was lost.
func (a *author) write(ctx context.Context, out *source.Outlet, stream int) error {
	for {
		err := a.writeFrom(ctx, out, stream)
		if !errors.Is(err, source.ErrStreamLost) {
			return err
		}
	}
}

func (a *author) writeFrom(ctx context.Context, out *source.Outlet, stream int) error {
	s, err := out.Open(ctx, a.script.name(stream), a.script.labels(stream))
	if err != nil {
		return err
	}
	at, err := number(s.Cursor())
	if err != nil {
		return err
	}
	var buf []byte
	for end := a.script.lengths[stream]; at < end; {
		b := s.NewBatch()
		for range min(authorBatch, end-at) {
			e := a.script.entry(buf, stream, at)
			b.Append(e.Time, e.Line, e.Attrs...)
			buf = e.Line
			at++
		}
		if err := s.Send(ctx, b, strconv.Itoa(at)); err != nil {
			return err
		}
	}
	return nil
}

// number reads a cursor.
func number(cursor string) (int, error) {
	if cursor == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(cursor)
	if err != nil {
		return 0, fmt.Errorf("cursor %q: %w", cursor, err)
	}
	return n, nil
}
