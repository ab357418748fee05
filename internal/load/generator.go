package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

// chunk is about how many bytes of lines a flat-out generator sends at once: what a source reads from a file in one go.
const chunk = 64 << 10

// A generator is a Source that makes up lines.
type generator struct {
	cfg   Config
	lines [][]byte // to choose from, so that making them up costs nothing
}

func newGenerator(cfg Config) *generator {
	g := &generator{cfg: cfg}
	rnd := rand.New(rand.NewPCG(1, uint64(cfg.LineBytes)))
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	for range 512 {
		line := fmt.Appendf(nil, "level=info msg=%q path=/api/v1/items/%d took=%dms trace=%016x ",
			"request handled", rnd.IntN(1_000_000), rnd.IntN(900), rnd.Uint64())
		for len(line) < cfg.LineBytes {
			line = append(line, letters[rnd.IntN(len(letters))])
		}
		g.lines = append(g.lines, line[:cfg.LineBytes])
	}
	return g
}

// Run sends to each stream in turn until ctx is done.
func (g *generator) Run(ctx context.Context, out *source.Outlet) error {
	streams := make([]*source.Stream, g.cfg.Streams)
	for i := range streams {
		name := fmt.Sprintf("s%d", i)
		s, err := out.Open(ctx, name, batch.MustLabels("job", "load", "stream", name))
		if err != nil {
			return err
		}
		streams[i] = s
	}
	each := max(1, chunk/g.cfg.LineBytes)
	var pace *time.Ticker
	if g.cfg.Every > 0 {
		each = 1
		pace = time.NewTicker(g.cfg.Every)
		defer pace.Stop()
	}
	for n := 0; ; n++ {
		if pace != nil {
			select {
			case <-pace.C:
			case <-ctx.Done():
				return nil
			}
		}
		if err := g.send(ctx, streams[n%len(streams)], n, each); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

func (g *generator) send(ctx context.Context, s *source.Stream, n, lines int) error {
	b := s.NewBatch()
	now := time.Now()
	for i := range lines {
		// A nanosecond apart, so that no two are one and the same entry.
		b.AppendShared(now.Add(time.Duration(i)), g.lines[(n*lines+i)%len(g.lines)])
	}
	return s.Send(ctx, b, fmt.Sprint(n))
}
