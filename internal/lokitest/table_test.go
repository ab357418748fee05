package lokitest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
)

// The beginnings of what a row wants of an entry. What follows is a part of the error's text, so that the reason is
// Loki's own; delivered stands alone.
const (
	delivered = ""
	refused   = "refused: "   // for good
	waiting   = "waiting: "   // sink.RetryAfter
	throttled = "throttled: " // sink.Throttled
	open      = "open: "      // worth a retry, and for a breaker to count
)

// A row is one way in which Loki can answer, on demand of a tenant's limits.
type row struct {
	name   string // and the tenant's
	limits string
	config func(*loki.Config)
	moved  map[string]bool                 // of the prover
	before func(p *prover, b *batch.Batch) // is written first, and delivered
	fill   func(p *prover, b *batch.Batch)
	want   []string // of each entry; the last one is that of all that follow
	lost   bool     // Loki says that it has stored what it has not
}

// good appends n entries that Loki takes.
func good(n int) func(*prover, *batch.Batch) {
	return func(p *prover, b *batch.Batch) {
		for range n {
			at := p.next()
			b.Append(at, fmt.Append(nil, "good ", at.UnixNano()))
		}
	}
}

// between appends a good entry, what bad appends, and another good one.
func between(bad func(*prover, *batch.Batch)) func(*prover, *batch.Batch) {
	return func(p *prover, b *batch.Batch) {
		good(1)(p, b)
		bad(p, b)
		good(1)(p, b)
	}
}

// aside appends an entry of a later time than now, or of an earlier one.
func aside(d time.Duration) func(*prover, *batch.Batch) {
	return func(_ *prover, b *batch.Batch) {
		b.Append(time.Now().Add(d), fmt.Append(nil, "aside ", len(b.Entries)))
	}
}

func long(n int) func(*prover, *batch.Batch) {
	return func(p *prover, b *batch.Batch) { b.Append(p.next(), []byte(strings.Repeat("x", n))) }
}

// attributed appends an entry with n attributes of size bytes in all, names included.
func attributed(n, size int) func(*prover, *batch.Batch) {
	return func(p *prover, b *batch.Batch) {
		var attrs []batch.Attr
		for i := range n {
			name := fmt.Sprintf("a%03d", i)
			attrs = append(attrs, batch.Attr{Key: name, Value: strings.Repeat("v", max(1, size/n-len(name)))})
		}
		b.Append(p.next(), fmt.Append(nil, n, " attributes"), attrs...)
	}
}

// streams appends a good entry of each of several streams, which have the proof's label and another one.
func streams(nameValue ...string) func(*prover, *batch.Batch) {
	return func(p *prover, b *batch.Batch) {
		for i := 0; i < len(nameValue); i += 2 {
			good(1)(p, b)
			b.Entries[len(b.Entries)-1].Labels = batch.MustLabels("proof", "row", nameValue[i], nameValue[i+1])
		}
	}
}

// labelled appends an entry of a stream with n labels, and those given besides.
func labelled(n int, nameValue ...string) func(*prover, *batch.Batch) {
	return func(p *prover, b *batch.Batch) {
		l := append([]string{"proof", "row"}, nameValue...)
		for i := range n - 1 {
			l = append(l, fmt.Sprint("l", i), "v")
		}
		good(1)(p, b)
		b.Entries[len(b.Entries)-1].Labels = batch.MustLabels(l...)
	}
}

// then appends what each of the functions appends.
func then(fs ...func(*prover, *batch.Batch)) func(*prover, *batch.Batch) {
	return func(p *prover, b *batch.Batch) {
		for _, f := range fs {
			f(p, b)
		}
	}
}

func repeat(n int, f func(*prover, *batch.Batch)) func(*prover, *batch.Batch) {
	return func(p *prover, b *batch.Batch) {
		for range n {
			f(p, b)
		}
	}
}

const (
	saysTooNew = refused + "has timestamp too new: "
	saysTooOld = refused + "has timestamp too old: "
	saysBehind = refused + "entry too far behind, entry timestamp is: "
	day        = 24 * time.Hour
)

// proven makes sure that the label by which a prover finds its entries is not the one too many.
func proven(c *loki.Config) { c.ExternalLabels = batch.MustLabels("proof", "row") }

// blocked is the limit by which an operator refuses all of a tenant's.
func blocked(code int) string {
	return "block_ingestion_until: 2100-01-01T00:00:00Z\n" + fmt.Sprint("block_ingestion_status_code: ", code)
}

var rows = []row{
	{name: "ok", fill: good(3), want: []string{delivered}},
	{name: "too-new", fill: between(aside(11 * time.Minute)), want: []string{delivered, saysTooNew, delivered}},
	{name: "not-too-new", fill: between(aside(9 * time.Minute)), want: []string{delivered}},
	{name: "too-old", fill: between(aside(-7*day - time.Minute)), want: []string{delivered, saysTooOld, delivered}},
	{name: "not-too-old", fill: then(aside(-7*day+10*time.Minute), good(1)), want: []string{delivered}},
	{name: "too-long", fill: between(long(256<<10 + 1)),
		want: []string{delivered, refused + "max entry size '262144' bytes exceeded for stream", delivered}},
	{name: "not-too-long", fill: between(long(256 << 10)), want: []string{delivered}},
	{name: "too-long-for-us", config: func(c *loki.Config) { c.MaxLine = 0 }, fill: between(long(256<<10 + 1)),
		want: []string{delivered, refused + "line of 262145 bytes: limit 262144", delivered}},
	{name: "long", limits: "max_line_size: 8MB", fill: between(long(3 << 20)), want: []string{delivered}},
	{name: "labels-for-us", config: proven, moved: map[string]bool{"z": true}, fill: then(labelled(14), labelled(14, "z", "v")),
		want: []string{delivered}},
	{name: "labels", limits: "max_label_names_per_series: 3", fill: then(labelled(3), labelled(5), labelled(2)),
		want: []string{delivered, refused + "has 5 label names; limit 3", delivered}},
	{name: "label-name", limits: "max_label_name_length: 20", fill: streams("a", "1", strings.Repeat("n", 21), "1", "b", "1"),
		want: []string{delivered, refused + "has label name too long: 'nnnnn", delivered}},
	{name: "label-value", limits: "max_label_value_length: 20", fill: streams("a", "1", "b", strings.Repeat("v", 21), "a", "2"),
		want: []string{delivered, refused + "has label value too long: 'vvvvv", delivered}},
	{name: "label-value-for-us", moved: map[string]bool{"b": true}, want: []string{delivered},
		fill: streams("a", strings.Repeat("v", 2048), "b", strings.Repeat("v", 2049))},
	{name: "label-name-for-us", moved: map[string]bool{strings.Repeat("n", 1025): true}, want: []string{delivered},
		fill: streams(strings.Repeat("n", 1024), "v", strings.Repeat("n", 1025), "v")},
	{name: "no-label", fill: func(p *prover, b *batch.Batch) {
		b.Labels = batch.Labels{}
		good(1)(p, b)
	}, want: []string{refused + "labels: none"}},
	{name: "enforced-label", limits: "enforced_labels: [team]", fill: streams("team", "x", "other", "x", "team", "y"),
		want: []string{delivered, refused + "missing required labels 'team' for user", delivered}},
	{name: "metadata-size", limits: "max_structured_metadata_size: 1KB", fill: then(attributed(2, 1024), attributed(2, 1026), good(1)),
		want: []string{delivered, refused + "has structured metadata too large: '1026' bytes, limit: '1024' bytes", delivered}},
	{name: "metadata-size-for-us", fill: then(attributed(4, 64<<10), attributed(4, 64<<10+4)),
		want: []string{delivered, refused + "attributes of 65540 bytes: limit 65536"}},
	{name: "metadata-count", limits: "max_structured_metadata_entries_count: 3", fill: then(attributed(3, 99), attributed(4, 99), good(1)),
		want: []string{delivered, refused + "has too many structured metadata labels: '4', limit: '3'", delivered}},
	{name: "metadata-count-for-us", fill: then(attributed(128, 1280), attributed(129, 1290)),
		want: []string{delivered, refused + "129 attributes: limit 128"}},
	{name: "metadata", limits: "allow_structured_metadata: false", fill: between(attributed(1, 9)),
		want: []string{delivered, refused + "includes structured metadata, but this feature is disallowed", delivered}},
	{name: "many", fill: then(good(1), repeat(1000, aside(time.Hour))), want: []string{delivered, saysTooNew}},
	{name: "behind", before: good(1), fill: then(good(1), aside(-2*time.Hour), good(1)), want: []string{delivered, saysBehind, delivered}},
	{name: "many-behind", before: good(1), fill: then(good(1), repeat(50, aside(-2*time.Hour)), good(1), aside(-3*time.Hour), good(50)),
		want: append(append([]string{delivered}, strings.Split(strings.Repeat(saysBehind+"\n", 50), "\n")[:50]...), delivered, saysBehind, delivered)},
	{name: "catching-up", fill: then(aside(-2*time.Hour), aside(-90*time.Minute), good(1)), want: []string{delivered}},
	{name: "streams", limits: "max_global_streams_per_user: 2", fill: streams("a", "1", "a", "2", "a", "3", "a", "4"),
		want: []string{delivered, delivered, waiting + "maximum active stream limit exceeded"}},
	{name: "blocked", limits: blocked(260), fill: good(2), want: []string{open + "ingestion is blocked: status 260: ingestion blocked for user 'blocked-"}},
	{name: "blocked-400", limits: blocked(400), fill: good(2), want: []string{open + "ingestion is blocked: status 400"}},
	{name: "blocked-403", limits: blocked(403), fill: good(2), want: []string{open + "status 403"}},
	{name: "blocked-429", limits: blocked(429), fill: good(2), want: []string{throttled + "ingestion is blocked: status 429"}},
	{name: "blocked-503", limits: blocked(503), fill: good(2), want: []string{open + "status 503"}},
	{name: "blocked-200", limits: blocked(200), fill: good(2), want: []string{delivered}, lost: true},
	{name: "no-tenant", config: func(c *loki.Config) { c.TenantID = "" }, fill: good(2), want: []string{open + "status 401: no org id"}},
	{name: "tenants", config: func(c *loki.Config) { c.TenantID, c.TenantLabel = "", "tenant" },
		fill: func(p *prover, b *batch.Batch) {
			streams("tenant", p.Server.tenant, "tenant", "a|b", "tenant", p.Server.tenant, "other", "x")(p, b)
		},
		want: []string{delivered, refused + "tenant \"a|b\" of label tenant", delivered, refused + "no tenant"}},
	{name: "odd-labels", fill: streams("a", "\uFFFD", "a", "x\uFFFD\uFFFDy", "a", `"`, "a", `\`, "a", `\"`, "a", "\n\r\t", "a", "\x00", "a", "\x7f\u0080",
		"a", "😀", "a", "\U0010FFFF", "a", "\u2028\u200b\ufeff", "a", "{b=\"c\"}", "a", "`", "a", "'", "a", " ", "a", "\u00a0", "_", "v", "__a", "v", "A9", "v",
		"service_name", "mine", "sum", "v", "by", "v", "unwrap", "v", "bool", "v", "on", "v", "offset", "v", "inf", "v", "nan", "v"),
		want: []string{delivered}},
	{name: "odd-lines", fill: func(p *prover, b *batch.Batch) {
		for _, line := range []string{"", "\x00", "\xff\xfe caf\xe9", "\xe6\x97", "\uFFFD", "a\nb\r", " ", "\u2028", "😀", `{"level":"error"}`, "level=warn"} {
			b.Append(p.next(), []byte(line), batch.Attr{Key: "a", Value: line}, batch.Attr{Key: "b", Value: "x" + line})
		}
	}, want: []string{delivered}},
}

// variants are the ways in which the sink can send, to each of which all of the table applies.
var variants = map[string]func(*loki.Config){
	"exact":  func(*loki.Config) {},
	"packed": func(c *loki.Config) { c.Packed = true },
	"json":   func(c *loki.Config) { c.EncodeJSON = true },
}

func TestEveryAnswerIsTakenForWhatItMeans(t *testing.T) {
	limits := map[string]string{}
	for variant := range variants {
		for _, r := range rows {
			if r.limits != "" {
				limits[r.name+"-"+variant] = r.limits
			}
		}
	}
	s := startProven(t, Tenants(limits))
	for variant, change := range variants {
		t.Run(variant, func(t *testing.T) {
			for _, r := range rows {
				t.Run(r.name, func(t *testing.T) {
					r.prove(t, prove(t, s, r.name+"-"+variant, func(c *loki.Config) {
						change(c)
						if r.config != nil {
							r.config(c)
						}
					}))
				})
			}
		})
	}
}

func (r row) prove(t *testing.T, p *prover) {
	p.moved, p.tenantLabel = r.moved, "tenant"
	b := batch.New(nil, batch.MustLabels("proof", "row"))
	if r.before != nil {
		r.before(p, b)
		for _, err := range p.write(b) {
			if err != nil {
				t.Fatal(err)
			}
		}
		b = batch.New(nil, b.Labels)
	}
	r.fill(p, b)
	for i, err := range p.write(b) {
		if want := r.want[min(i, len(r.want)-1)]; !fateIs(err, want) {
			t.Errorf("entry %d: want %q, got %s%v", i, want, class(err), err)
		}
	}
	if !r.lost {
		p.check()
		return
	}
	clear(p.owed)
	p.check()
	t.Log("lost, and nothing says so")
}

func class(err error) string {
	if class, _ := sink.ClassOf(context.Background(), err, 1); class == batch.Throttled {
		return throttled
	}
	if _, wait := sink.After(err); wait {
		return waiting
	}
	switch {
	case err == nil:
		return delivered
	case sink.IsPermanent(err):
		return refused
	}
	return open
}

func fateIs(err error, want string) bool {
	c := class(err)
	text, ok := strings.CutPrefix(want, c)
	if err == nil || !ok {
		return err == nil && want == delivered
	}
	return strings.Contains(err.Error(), text)
}
