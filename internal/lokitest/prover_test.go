package lokitest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
)

// A prover writes batches and holds what Write says of each entry against what a query finds: what is delivered is stored,
// once, and nothing else is. A prover has its tenant for itself.
type prover struct {
	*Server
	sink *loki.Sink
	owed map[string]int // the entries delivered so far, as a query shows them
	last time.Time      // of entries that next made

	moved       map[string]bool // labels that the sink makes attributes
	tenantLabel string          // the one it takes the tenant from
}

// startProven returns a Loki for provers: one query is not split into hundreds for the sake of its range of weeks.
func startProven(t *testing.T, opts ...Option) *Server {
	t.Helper()
	return Start(t, append(opts, Limits("split_queries_by_interval: 0s"))...)
}

// prove returns the prover of a tenant. Nothing that Loki can judge for itself is kept from it, unless change says so.
func prove(t *testing.T, s *Server, tenant string, change ...func(*loki.Config)) *prover {
	t.Helper()
	cfg := loki.Config{URL: s.URL, TenantID: tenant, MaxLine: 3 << 20}
	for _, f := range change {
		f(&cfg)
	}
	p := &prover{Server: s.As(tenant), sink: newSink(t, cfg), owed: map[string]int{}, last: time.Now().Add(-10 * time.Minute)}
	p.t = t
	return p
}

func newSink(t testing.TB, cfg loki.Config) *loki.Sink {
	t.Helper()
	s, err := loki.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// next returns a time of its own for an entry, later than the ones before.
func (p *prover) next() time.Time {
	p.last = p.last.Add(1_000_003 * time.Nanosecond)
	return p.last
}

// write writes b and returns what became of each entry: nil is delivered.
func (p *prover) write(b *batch.Batch) []error { return p.writeThrough(p.sink, b) }

// writeThrough is write through decorators of the prover's sink.
func (p *prover) writeThrough(to sink.Sink, b *batch.Batch) []error {
	p.t.Helper()
	fates := fatesOf(p.t, b, to.Write(p.t.Context(), b))
	for i, err := range fates {
		if err == nil {
			p.owed[p.keyOf(b.LabelsOf(i), &b.Entries[i])] = 1
		}
	}
	return fates
}

// fatesOf spreads what Write returned over the entries.
func fatesOf(t testing.TB, b *batch.Batch, err error) []error {
	t.Helper()
	fates := make([]error, len(b.Entries))
	partial, ok := errors.AsType[*sink.PartialError](err)
	if !ok {
		for i := range fates {
			fates[i] = err
		}
		return fates
	}
	for _, f := range partial.Failures {
		if f.Err == nil || fates[f.Index] != nil {
			t.Errorf("entry %d failed twice or for nothing: %v", f.Index, f.Err)
		}
		fates[f.Index] = f.Err
	}
	return fates
}

// check compares the whole tenant with what was delivered.
func (p *prover) check() {
	p.t.Helper()
	stored := p.stored()
	wrong := 0
	report := func(format string, args ...any) {
		if wrong++; wrong <= 5 {
			p.t.Errorf(format, args...)
		}
	}
	for key := range p.owed {
		if stored[key] != 1 {
			report("delivered, but stored %d times: %.200s", stored[key], key)
		}
	}
	for key, n := range stored {
		if p.owed[key] == 0 {
			report("not delivered, but stored %d times: %.200s", n, key)
		}
	}
	if wrong > 5 {
		p.t.Errorf("and %d more", wrong-5)
	}
}

// all returns what the tenant has, of times that Loki may have accepted or should have refused.
func (p *prover) all() []Stream {
	p.t.Helper()
	now := time.Now()
	streams, err := p.Query(p.t.Context(), `{proof=~".+"}`, now.Add(-20*24*time.Hour), now.Add(5*24*time.Hour))
	if err != nil {
		p.t.Fatal(err)
	}
	return streams
}

// stored counts the entries of the tenant.
func (p *prover) stored() map[string]int {
	p.t.Helper()
	n := map[string]int{}
	for _, st := range p.all() {
		for _, e := range st.Entries {
			n[storedKey(st.Labels, e)]++
		}
	}
	return n
}

// count returns how many entries the selector matches, where they are too many to look at each.
func (p *prover) count(selector string) int {
	p.t.Helper()
	query := url.Values{"query": {"sum(count_over_time(" + selector + "[2h]))"}}.Encode()
	_, body, err := p.get(p.t.Context(), "/loki/api/v1/query?"+query, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	var answer struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Data.Result) != 1 {
		p.t.Fatalf("count: %v: %s", err, body)
	}
	n, err := strconv.Atoi(fmt.Sprint(answer.Data.Result[0].Value[1]))
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// keyOf is what a query shows of e, by the rules of sink/loki and of Loki's query API.
func (p *prover) keyOf(l batch.Labels, e *batch.Entry) string {
	labels, attrs := map[string]string{}, map[string]string{}
	for name, value := range l.All() {
		switch {
		case p.moved[name]:
			attrs[name] = value
		case name != p.tenantLabel:
			labels[name] = strings.ReplaceAll(value, "\uFFFD", "?")
		}
	}
	for _, a := range e.Attrs {
		if a.Value != "" {
			attrs[a.Key] = strings.ReplaceAll(replaced(a.Value), "\uFFFD", " ")
		}
	}
	line := string(e.Line)
	if !utf8.ValidString(line) {
		line = replaced(line)
	}
	return key(labels, e.Time, line, attrs)
}

func storedKey(labels map[string]string, e Entry) string {
	attrs := maps.Clone(e.Metadata)
	delete(attrs, "detected_level")
	return key(labels, e.Time, e.Line, attrs)
}

func key(labels map[string]string, at time.Time, line string, attrs map[string]string) string {
	delete(labels, "service_name") // Loki adds it
	var b strings.Builder
	fmt.Fprintf(&b, "%d %d-byte line %q", at.UnixNano(), len(line), line)
	for _, m := range []map[string]string{labels, attrs} {
		b.WriteString(" {")
		for _, name := range slices.Sorted(maps.Keys(m)) {
			b.WriteString(name + "=" + strconv.Quote(m[name]) + " ")
		}
		b.WriteString("}")
	}
	return b.String()
}
