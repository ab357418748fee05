package loki

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// byTenant makes a batch of one entry per label set.
func byTenant(ls ...batch.Labels) *batch.Batch {
	b := newBatch(shop, make([]string, len(ls))...)
	for i, l := range ls {
		b.Entries[i].Line, b.Entries[i].Labels = []byte(l.String()), l
	}
	return b
}

func TestTenantByLabel(t *testing.T) {
	f := newFake(t)
	s := newSink(t, f.URL, func(c *Config) { c.TenantLabel, c.TenantID = "team", "rest" })
	b := byTenant(batch.MustLabels("app", "a", "team", "blue"), batch.MustLabels("app", "a", "team", "red"), batch.MustLabels("app", "a"),
		batch.MustLabels("app", "a", "team", "blue|red"))
	err := s.Write(t.Context(), b)
	if got := failedIndices(t, err, 4); !slices.Equal(got, []int{3}) || !strings.Contains(err.Error(), `contains '|'`) {
		t.Errorf("failed %v: %v", got, err)
	}
	var got []string
	for _, p := range f.all() {
		got = append(got, p.header.Get("X-Scope-OrgID")+p.labels)
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{`blue{app="a"}`, `red{app="a"}`, `rest{app="a"}`}) {
		t.Error(got)
	}
}

func TestNoTenant(t *testing.T) {
	f := newFake(t)
	s := newSink(t, f.URL, func(c *Config) { c.TenantLabel = "team" })
	err := s.Write(t.Context(), byTenant(batch.MustLabels("app", "a")))
	if !sink.IsPermanent(err) || !strings.Contains(err.Error(), "neither a label team nor a Config.TenantID") || len(f.all()) != 0 {
		t.Error(err)
	}
}

// What stops one tenant leaves the others alone, unless it stops everybody.
func TestTenantsStopAlone(t *testing.T) {
	for name, c := range map[string]struct {
		answer fixedAnswer
		failed []int
	}{
		"rate":         {fixedAnswer{429, tenantRate(100, 1000), nil}, []int{0, 2}},
		"credentials":  {fixedAnswer{403, "not yours", nil}, []int{0, 2}},
		"blocked":      {fixedAnswer{260, "ingestion blocked for user blue until tomorrow", nil}, []int{0, 2}},
		"blocked too":  {fixedAnswer{429, "ingestion blocked for user blue until tomorrow", nil}, []int{0, 2}},
		"starting":     {fixedAnswer{500, "empty ring", nil}, []int{0, 1, 2}},
		"the gateway":  {fixedAnswer{429, "slow down", nil}, []int{0, 1, 2}},
		"unauthorized": {fixedAnswer{401, "no", nil}, []int{0, 2}},
	} {
		for _, packed := range []bool{false, true} {
			f := newFake(t)
			f.packed = packed
			f.answer = func(_ int, p push, w http.ResponseWriter, _ *http.Request) bool {
				if p.header.Get("X-Scope-OrgID") != "blue" {
					return false
				}
				c.answer.give(w)
				return true
			}
			s := newSink(t, f.URL, func(cfg *Config) { cfg.TenantLabel, cfg.Packed = "team", packed })
			b := byTenant(batch.MustLabels("app", "a", "team", "blue"), batch.MustLabels("app", "a", "team", "red"), batch.MustLabels("app", "b", "team", "blue"))
			err := s.Write(t.Context(), b)
			if got := failedIndices(t, err, 3); !slices.Equal(got, c.failed) {
				t.Errorf("%s, packed %v: failed %v, want %v: %v", name, packed, got, c.failed, err)
			}
		}
	}
}

// The headers of tenants are made once, and again when what they are made of has changed.
func TestTenantHeaders(t *testing.T) {
	var c tenants
	base, next := http.Header{"A": {"1"}}, http.Header{"A": {"2"}}
	blue := c.header(&base, "blue")
	if c.header(&base, "blue").Get("A") != "1" || blue.Get(tenantHeader) != "blue" || base.Get(tenantHeader) != "" {
		t.Error(blue, base)
	}
	if got := c.header(&next, "blue"); got.Get("A") != "2" || len(c.headers) != 1 {
		t.Error(got)
	}
	for i := range maxMappings + 5 {
		c.header(&next, fmt.Sprint(i))
	}
	if n := len(c.headers); n == 0 || n >= maxMappings {
		t.Errorf("%d headers are kept", n)
	}
}
