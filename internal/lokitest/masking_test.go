package lokitest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	protopush "github.com/grafana/loki/pkg/push"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink/loki"
)

// A masking is a batch of two streams, one of which Loki throws away in part or whole. In one request it says nothing of
// that: the answer is about the last stream only, and a fault of single entries hides the rate limit of another stream.
type masking struct {
	name   string // and the tenant's
	limits string
	known  string                          // the stream that Loki knows already, and has a new entry of
	first  func(p *prover, b *batch.Batch) // stream a
	second func(p *prover, b *batch.Batch) // stream b
	status int                             // of both in one request
	lost   int                             // entries of stream a that are lost then
	want   []string                        // of each entry, told truthfully
	packed bool                            // the sink knows better than to pack them, or finds out
}

const (
	slowStream = "per_stream_rate_limit: 1KB\nper_stream_rate_limit_burst: 3KB"
	saysRate   = waiting + "Per stream rate limit exceeded"
)

var maskings = []masking{
	{
		name: "behind", known: "a", first: aside(-2 * time.Hour), second: good(1),
		status: http.StatusNoContent, lost: 1, want: []string{saysBehind, delivered}, packed: true,
	}, {
		name: "rate", limits: slowStream, first: repeat(4, long(1000)), second: good(1),
		status: http.StatusNoContent, lost: 4, want: []string{saysRate, saysRate, saysRate, saysRate, delivered},
	}, {
		name: "rate-and-fault", limits: slowStream, first: repeat(4, long(1000)), second: between(aside(12 * time.Minute)),
		status: http.StatusBadRequest, lost: 4,
		want: []string{saysRate, saysRate, saysRate, saysRate, delivered, saysTooNew, delivered}, packed: true,
	}, {
		name: "streams", limits: "max_global_streams_per_user: 1", known: "b", first: good(1), second: good(1),
		status: http.StatusNoContent, lost: 1, want: []string{waiting + "maximum active stream limit", delivered},
	},
}

// fill returns the batch of both streams.
func (m masking) fill(p *prover) *batch.Batch {
	b := batch.New(nil, batch.Labels{})
	a := stream("a")
	m.first(p, b)
	for i := range b.Entries {
		b.Entries[i].Labels = a
	}
	n := len(b.Entries)
	m.second(p, b)
	for i := n; i < len(b.Entries); i++ {
		b.Entries[i].Labels = stream("b")
	}
	return b
}

func stream(name string) batch.Labels { return batch.MustLabels("proof", "masking", "stream", name) }

// raw sends b in one request, its streams in the order of their first entries.
func (m masking) raw(t *testing.T, p *prover, b *batch.Batch) (status int, answer string) {
	var streams []protopush.Stream
	for i, e := range b.Entries {
		labels := b.LabelsOf(i).String()
		if len(streams) == 0 || streams[len(streams)-1].Labels != labels {
			streams = append(streams, protopush.Stream{Labels: labels})
		}
		last := &streams[len(streams)-1]
		last.Entries = append(last.Entries, protopush.Entry{Timestamp: e.Time, Line: string(e.Line)})
	}
	return pushProto(t, p.Server, streams...)
}

// TestLokiConcealsLosses is why the sink sends one stream at a time. Where the part "in one request" fails, Loki has been
// improved.
func TestLokiConcealsLosses(t *testing.T) {
	limits := map[string]string{}
	for _, m := range maskings {
		if m.limits != "" {
			limits[m.name+"-raw"], limits[m.name+"-exact"], limits[m.name+"-packed"] = m.limits, m.limits, m.limits
		}
	}
	s := startProven(t, Tenants(limits))
	for _, m := range maskings {
		t.Run(m.name, func(t *testing.T) {
			t.Run("in one request", func(t *testing.T) { m.conceals(t, s) })
			t.Run("exact", func(t *testing.T) { m.tells(t, prove(t, s, m.name+"-exact")) })
			if m.packed {
				t.Run("packed", func(t *testing.T) {
					m.tells(t, prove(t, s, m.name+"-packed", func(c *loki.Config) { c.Packed = true }))
				})
			}
		})
	}
}

// conceals shows that the answer is the same as if nothing of stream a were lost.
func (m masking) conceals(t *testing.T, s *Server) {
	p := prove(t, s, m.name+"-raw")
	m.prepare(t, p)
	b := m.fill(p)
	status, answer := m.raw(t, p, b)
	if status != m.status || strings.Contains(answer, "limit") || strings.Contains(answer, "behind") {
		t.Errorf("Loki answers %d: %s", status, answer)
	}
	stored := p.stored()
	lost := 0
	for i := range b.Entries {
		if b.LabelsOf(i) == stream("a") && stored[p.keyOf(stream("a"), &b.Entries[i])] == 0 {
			lost++
		}
	}
	if lost != m.lost {
		t.Errorf("%d entries of stream a are lost, want %d", lost, m.lost)
	}
	t.Logf("%d: %q, %d entries of stream a are lost", status, answer, lost)
}

// prepare writes the known stream.
func (m masking) prepare(t *testing.T, p *prover) {
	if m.known == "" {
		return
	}
	b := batch.New(nil, stream(m.known))
	good(1)(p, b)
	if fates := p.write(b); fates[0] != nil {
		t.Fatal(fates)
	}
}

func (m masking) tells(t *testing.T, p *prover) {
	m.prepare(t, p)
	for i, err := range p.write(m.fill(p)) {
		if !fateIs(err, m.want[i]) {
			t.Errorf("entry %d: want %q, got %s%v", i, m.want[i], class(err), err)
		}
	}
	p.check()
}
