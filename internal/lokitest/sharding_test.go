package lokitest

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	protopush "github.com/grafana/loki/pkg/push"

	"github.com/logferry/logferry/batch"
)

// divided has Loki divide up streams above 20 KB/s, with the other limits in proportion as it ships them.
const divided = "shard_streams: {enabled: true, desired_rate: 20KB}\n" +
	"per_stream_rate_limit: 40KB\nper_stream_rate_limit_burst: 200KB\ningestion_rate_mb: 1000\ningestion_burst_size_mb: 1000"

// divide writes to a stream until Loki divides it, which takes it a second or two to find worthwhile.
func (p *prover) divide(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); {
		for _, err := range p.write(p.lines(50, 1000)) {
			if err != nil && !fateIs(err, saysRate) {
				t.Fatal(err)
			}
		}
		found, err := p.Query(t.Context(), `{__stream_shard__=~".+"}`, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > 0 {
			return
		}
	}
	t.Fatal("the stream is not divided")
}

// As long as Loki's limits keep to the proportions in which it ships them, what it says of a stream that it divides is
// true.
func TestDividedStream(t *testing.T) {
	s := startProven(t, Tenants(map[string]string{"divided": divided}))
	p := prove(t, s, "divided")
	p.divide(t)
	for i := range 40 {
		b := p.lines(20, 1000)
		if i%3 == 0 {
			aside(-2*time.Hour)(p, b)
		}
		p.write(b)
	}
	p.check()
}

// whileDivided tries until f is true, several times because Loki stops dividing a stream as soon as nothing comes.
func (p *prover) whileDivided(t *testing.T, f func() bool) {
	t.Helper()
	for range 10 {
		p.write(p.lines(50, 1000)) // so that each part has something new, too
		if f() {
			return
		}
	}
	t.Error("not once")
}

// TestLokiConcealsLossesOfParts: of a divided stream Loki reports the fate of the last part only. An entry too far behind
// goes without a word if later ones are not, which takes a stream that is fast and has been delivered out of order.
func TestLokiConcealsLossesOfParts(t *testing.T) {
	s := startProven(t, Tenants(map[string]string{"divided": divided}))
	p := prove(t, s, "divided")
	p.divide(t)
	p.whileDivided(t, func() bool {
		entries := []protopush.Entry{{Timestamp: p.last.Add(-61 * time.Minute), Line: "behind"}}
		for i := range 20 {
			entries = append(entries, protopush.Entry{Timestamp: p.last.Add(time.Duration(i) - 30*time.Minute), Line: "not behind"})
		}
		status, _ := pushProto(t, p.Server, protopush.Stream{Labels: proof.String(), Entries: entries})
		return status == http.StatusNoContent
	})
	for _, st := range p.all() {
		for _, e := range st.Entries {
			if e.Line == "behind" {
				t.Error("what is behind is stored")
			}
		}
	}
}

// TestLateEntriesOfDividedStream: what Loki conceals there the sink does not fall for, as it knows what it has delivered.
func TestLateEntriesOfDividedStream(t *testing.T) {
	s := startProven(t, Tenants(map[string]string{"divided": divided}))
	// The sink takes a stream for divided by the measure of Loki's own limits, and so it is made fast by that measure.
	p := prove(t, s, "divided")
	p.divide(t)
	refused := 0
	for range 10 {
		p.write(p.lines(50, 12_000))
		b := batch.New(nil, proof)
		for i := range 5 {
			b.Append(p.last.Add(time.Duration(i)-61*time.Minute), fmt.Appendf(nil, "behind %d %d", i, p.last.UnixNano()))
		}
		for i := range 20 {
			b.Append(p.last.Add(time.Duration(i)-30*time.Minute), fmt.Appendf(nil, "not behind %d %d", i, p.last.UnixNano()))
		}
		for _, err := range p.writeThrough(patient(p.sink), b) {
			if err != nil {
				refused++
			}
		}
	}
	t.Logf("%d of 50 entries that are too far behind were refused", refused)
	p.check()
}
