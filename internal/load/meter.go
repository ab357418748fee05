package load

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A meter is a Sink that measures what the one within delivers.
type meter struct {
	sink.Sink

	mu      sync.Mutex
	bytes   int64
	writes  int64
	refused int64
	took    []time.Duration // from an entry's time to the end of its Write, of one entry a Write at least
}

// Unwrap lets a pipeline find out what the inner Sink wants.
func (m *meter) Unwrap() []sink.Sink { return []sink.Sink{m.Sink} }

func (m *meter) Write(ctx context.Context, b *batch.Batch) error {
	err := m.Sink.Write(ctx, b)
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	if err != nil {
		m.refused++
		return err
	}
	m.bytes += int64(b.Size())
	// A batch's first and last entries are those that waited longest and least.
	for _, i := range []int{0, len(b.Entries) - 1} {
		if i >= 0 {
			m.took = append(m.took, now.Sub(b.Entries[i].Time))
		}
	}
	return nil
}

// A Reading is what has been delivered so far.
type Reading struct {
	Bytes           int64 // of lines
	Writes, Refused int64 // Refused of the Writes delivered not everything
	took            []time.Duration
}

// read copies no times: those that are noted stay as they are, and others go behind them.
func (m *meter) read() Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Reading{Bytes: m.bytes, Writes: m.writes, Refused: m.refused, took: slices.Clip(m.took)}
}

// Since returns what has been delivered between an earlier reading and r.
func (r Reading) Since(before Reading) Reading {
	return Reading{Bytes: r.Bytes - before.Bytes, Writes: r.Writes - before.Writes, Refused: r.Refused - before.Refused,
		took: r.took[len(before.took):]}
}

// Quantile returns how long the share q of the entries looked at, from 0 to 1, was on its way at most; zero if there
// are none.
func (r Reading) Quantile(q float64) time.Duration {
	if len(r.took) == 0 {
		return 0
	}
	took := slices.Sorted(slices.Values(r.took))
	return took[min(len(took)-1, int(q*float64(len(took))))]
}
