package lokitest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
)

// A mixture makes batches at random in which entries that Loki refuses, for every reason it has, lie between ones that it
// takes.
type mixture struct {
	*rand.Rand
	p       *prover
	streams []batch.Labels
	n       int
}

// add appends one entry and returns what must become of it: delivered, a beginning of refused, or unsure.
func (m *mixture) add(b *batch.Batch) string {
	m.n++
	line := fmt.Append(nil, m.n, " ", strings.Repeat("x", m.IntN(30)))
	stream := m.streams[m.IntN(len(m.streams))]
	defer func() { b.Entries[len(b.Entries)-1].Labels = stream }()
	switch kind := m.IntN(20); kind {
	case 0:
		// Often of one second, or of one instant, which the answer cannot tell apart.
		b.Append(time.Now().Add(time.Hour).Truncate(m.grain()).Add(m.coarse()), line)
		return saysTooNew
	case 1:
		b.Append(time.Now().Add(-8*day).Truncate(m.grain()).Add(m.coarse()), line)
		return saysTooOld
	case 2:
		b.Append(m.p.next(), append(line, strings.Repeat("y", 1000+m.IntN(5))...))
		return refused + "max entry size"
	case 3:
		b.Append(m.p.next(), line, batch.Attr{Key: "k", Value: strings.Repeat("v", 300+m.IntN(5))})
		return refused + "has structured metadata too large"
	case 4:
		b.Append(m.p.next(), line, batch.Attr{Key: "k", Value: "v"}, batch.Attr{Key: "l", Value: "v"}, batch.Attr{Key: "m", Value: "v"})
		return refused + "has too many structured metadata"
	case 5, 6:
		// Behind, unless it is the first of its stream.
		b.Append(time.Now().Add(-2*time.Hour).Truncate(m.grain()).Add(m.coarse()), line)
		return unsure
	case 7:
		// About as old as the stream's newest allows.
		b.Append(m.p.last.Add(-time.Hour).Add(time.Duration(m.IntN(2000)-1000)*time.Millisecond), line)
		return unsure
	default:
		b.Append(m.p.next(), line)
		return delivered
	}
}

// unsure is for entries of which only Loki knows.
const unsure = "unsure"

func (m *mixture) grain() time.Duration {
	return []time.Duration{1, time.Millisecond, time.Second, time.Minute}[m.IntN(4)]
}

func (m *mixture) coarse() time.Duration { return time.Duration(m.IntN(3)) * m.grain() }

const narrow = "max_line_size: 1000B\nmax_structured_metadata_size: 300B\nmax_structured_metadata_entries_count: 2\n"

// TestMixtures: whatever a batch is made of, what Write calls delivered is stored, once, and nothing else is; no entry is
// refused for its neighbours.
func TestMixtures(t *testing.T) {
	s := startProven(t, Limits(narrow), Tenants(nil))
	for _, tc := range []struct {
		tenant  string
		streams int
		config  func(*loki.Config)
	}{
		{"one", 1, variants["exact"]},
		{"many", 5, variants["exact"]},
		{"parts", 2, func(c *loki.Config) { c.MaxRequest = 2000 }},
		{"packed", 5, variants["packed"]},
		{"json", 2, variants["json"]},
	} {
		t.Run(tc.tenant, func(t *testing.T) {
			p := prove(t, s, tc.tenant, tc.config)
			m := newMixture(t, p, tc.streams)
			for range 40 {
				m.round(t, p.sink)
			}
			m.finish(t)
		})
	}
}

// TestMixturesAboveTheRate has Loki's rate limits among what can be wrong with a request. That of a stream is applied to
// all of its entries or, where streams are not sharded, to each of them, so that some of what has to be sent again is
// stored already.
func TestMixturesAboveTheRate(t *testing.T) {
	const slow = "per_stream_rate_limit: 3KB\nper_stream_rate_limit_burst: 2KB\n"
	s := startProven(t, Tenants(map[string]string{
		"streams": narrow + slow,
		"entries": narrow + slow + "shard_streams: {enabled: false}",
		"tenant":  narrow + "ingestion_rate_mb: 0.006\ningestion_burst_size_mb: 0.003",
	}))
	for _, tenant := range []string{"streams", "entries", "tenant"} {
		t.Run(tenant, func(t *testing.T) {
			t.Parallel()
			p := prove(t, s, tenant)
			m := newMixture(t, p, 2)
			// A busy machine may be slower than the limit for a while.
			for n := 0; n < 20 || n < 200 && p.sink.Stats().Statuses[429] == 0; n++ {
				m.round(t, patient(p.sink))
			}
			m.finish(t)
			if st := p.sink.Stats(); st.Statuses[429] == 0 {
				t.Error("no rate limit was met")
			}
		})
	}
}

func newMixture(t *testing.T, p *prover, streams int) *mixture {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	m := &mixture{Rand: rand.New(rand.NewPCG(seed, 0)), p: p}
	for i := range streams {
		m.streams = append(m.streams, batch.MustLabels("proof", "mixture", "n", fmt.Sprint(i)))
	}
	return m
}

// round writes one batch.
func (m *mixture) round(t *testing.T, to sink.Sink) {
	t.Helper()
	b := batch.New(nil, batch.Labels{})
	var want []string
	for range 1 + m.IntN(100) {
		want = append(want, m.add(b))
	}
	for i, err := range m.p.writeThrough(to, b) {
		if want[i] == unsure {
			if err == nil || fateIs(err, saysBehind) {
				continue
			}
			want[i] = saysBehind
		}
		if !fateIs(err, want[i]) {
			t.Errorf("entry %d of %d: want %q, got %s%v", i, len(want), want[i], class(err), err)
		}
	}
}

func (m *mixture) finish(t *testing.T) {
	m.p.check()
	t.Logf("%d entries, %d delivered, %+v", m.n, len(m.p.owed), m.p.sink.Stats())
}
