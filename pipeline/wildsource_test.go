package pipeline

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

// A wildSource sends every stream from its cursor on, and fails now and then.
type wildSource struct {
	w       *world
	name    string
	rng     *rnd
	streams []string
	total   int // lines of each stream
	helpers bool
	wild    int
}

func (s *wildSource) Run(ctx context.Context, out *source.Outlet) error {
	if !s.helpers {
		for _, stream := range s.streams {
			if err := s.read(ctx, out, stream); err != nil {
				return err
			}
		}
		return nil
	}
	for _, stream := range s.streams {
		out.Go(stream, func(ctx context.Context) error { return s.read(ctx, out, stream) })
	}
	if s.w.calm.Load() {
		return s.wait(ctx, out)
	}
	<-ctx.Done()
	return nil
}

// wait ends the run when all streams have been sent: Run's helpers are told to
// stop when it returns.
func (s *wildSource) wait(ctx context.Context, out *source.Outlet) error {
	for {
		missing := len(s.streams)
		for stream, cursor := range out.Cursors(ctx) {
			if cursor == strconv.Itoa(s.total) && slices.Contains(s.streams, stream) {
				missing--
			}
		}
		if missing == 0 {
			return nil
		}
		if err := sleep(ctx, 470*time.Millisecond); err != nil {
			return nil
		}
	}
}

func (s *wildSource) read(ctx context.Context, out *source.Outlet, stream string) error {
	for {
		st, err := out.Open(ctx, stream, batch.MustLabels("source", s.name, "stream", stream))
		if err != nil {
			return err
		}
		err = s.send(ctx, st)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if !errors.Is(err, source.ErrStreamLost) && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

func (s *wildSource) send(ctx context.Context, st *source.Stream) error {
	at, _ := strconv.Atoi(st.Cursor())
	for at < s.total {
		b := st.NewBatch()
		for range s.rng.IntN(20) {
			if at == s.total {
				break
			}
			l := line{s.name, st.Name(), at, false}
			b.Append(time.Time{}, []byte(l.String()), batch.Attr{Key: "k", Value: "v"})
			b.Entries[len(b.Entries)-1].Labels = l.labels()
			at++
		}
		if at%3 == 0 {
			b.Append(time.Time{}, []byte("junk"))
			b.Drop(reasonJunk, func(e *batch.Entry) bool { return string(e.Line) == "junk" })
		}
		if err := s.sendOne(ctx, st, b, strconv.Itoa(at)); err != nil {
			return err
		}
		if err := s.mishap(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *wildSource) sendOne(ctx context.Context, st *source.Stream, b *batch.Batch, next string) error {
	if s.wild > 0 && s.rng.one(40) && !s.w.calm.Load() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.rng.upTo(50*time.Millisecond))
		defer cancel()
	}
	return st.Send(ctx, b, next)
}

func (s *wildSource) mishap(ctx context.Context) error {
	if s.rng.one(3) {
		if err := sleep(ctx, s.rng.upTo(200*time.Millisecond)); err != nil {
			return err
		}
	}
	if s.wild < 2 || s.w.calm.Load() || !s.rng.one(50) {
		return nil
	}
	switch s.rng.IntN(3) {
	case 0:
		return errors.New("source")
	case 1:
		panic("source")
	default:
		runtime.Goexit()
		return nil
	}
}
