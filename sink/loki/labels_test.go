package loki

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// The labels that name a stream are the most important ones that fit, and the others go along.
func TestLabelsAreSplit(t *testing.T) {
	long := strings.Repeat("v", maxLabelValue+1)
	for name, c := range map[string]struct {
		rule          labelRule
		own           batch.Labels
		labels, moved string
		over          bool
	}{
		"all":                     {labelRule{}, batch.MustLabels("b", "1", "a", "2"), `{a="2", b="1"}`, "", false},
		"external":                {labelRule{external: batch.MustLabels("host", "h", "a", "x")}, batch.MustLabels("a", "2"), `{a="2", host="h"}`, "", false},
		"allow-list":              {labelRule{allowed: []string{"app", "env"}}, batch.MustLabels("app", "s", "pod", "p-1", "id", "7"), `{app="s"}`, "id=7 pod=p-1", false},
		"allow-list and external": {labelRule{allowed: []string{"app"}, external: batch.MustLabels("host", "h")}, batch.MustLabels("app", "s", "pod", "p"), `{app="s", host="h"}`, "pod=p", false},
		"nothing is allowed":      {labelRule{allowed: []string{}, external: batch.MustLabels("host", "h")}, batch.MustLabels("a", "1"), `{host="h"}`, "a=1", false},
		"too many":                {labelRule{max: 2}, batch.MustLabels("a", "1", "b", "2", "c", "3"), `{a="1", b="2"}`, "c=3", true},
		"too many, by importance": {labelRule{max: 2, allowed: []string{"c", "a", "b"}}, batch.MustLabels("a", "1", "b", "2", "c", "3"), `{a="1", c="3"}`, "b=2", true},
		"too many, one external":  {labelRule{max: 2, external: batch.MustLabels("z", "9")}, batch.MustLabels("a", "1", "b", "2"), `{a="1", z="9"}`, "b=2", true},
		"service_name is free":    {labelRule{max: 1}, batch.MustLabels("a", "1", "service_name", "s"), `{a="1", service_name="s"}`, "", false},
		"long value":              {labelRule{}, batch.MustLabels("a", "1", "b", long), `{a="1"}`, "b=" + long, true},
		"long name":               {labelRule{}, batch.MustLabels("a", "1", long, "b"), `{a="1"}`, long + "=b", true},
		"allowed twice":           {labelRule{allowed: []string{"a", "a"}}, batch.MustLabels("a", "1"), `{a="1"}`, "", false},
	} {
		if c.rule.max == 0 {
			c.rule.max = defaultMaxLabels
		}
		got, err := c.rule.split(c.own)
		var moved []string
		for _, a := range got.moved {
			moved = append(moved, a.Key+"="+a.Value)
		}
		if err != nil || got.labels.String() != c.labels || strings.Join(moved, " ") != c.moved || got.overLimit != c.over {
			t.Errorf("%s: %.80v and %.80q, over the limit %v: %v", name, got.labels, moved, got.overLimit, err)
		}
	}
}

// Whatever the labels and the rule, no label is lost, and none is more than Loki takes.
func TestLabelsAreNeverLost(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 3))
	random := func(n int) map[string]string {
		m := map[string]string{}
		for range rnd.IntN(n) {
			name := fmt.Sprint("l", rnd.IntN(30))
			if rnd.IntN(20) == 0 {
				name += strings.Repeat("n", maxLabelName)
			}
			m[name] = fmt.Sprint("v", rnd.IntN(3), strings.Repeat("v", rnd.IntN(2)*rnd.IntN(3000)))
		}
		return m
	}
	none := 0
	for range 2000 {
		own, external := random(25), map[string]string{}
		for name, value := range random(5) {
			external[name[:min(len(name), 3)]] = value[:2]
		}
		rule := labelRule{max: 5 + rnd.IntN(15)}
		rule.external, _ = batch.NewLabels(external)
		if rnd.IntN(2) == 0 {
			for range rnd.IntN(10) {
				rule.allowed = append(rule.allowed, fmt.Sprint("l", rnd.IntN(30)))
			}
		}
		l, err := batch.NewLabels(own)
		if err != nil {
			t.Fatal(err)
		}
		want := maps.Clone(external)
		maps.Copy(want, own)
		got, err := rule.split(l)
		if errors.Is(err, errNoLabels) {
			none++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		all := maps.Collect(got.labels.All())
		for name, value := range all {
			if len(name) > maxLabelName || len(value) > maxLabelValue {
				t.Fatalf("%.30s has %d and %d bytes", name, len(name), len(value))
			}
			if rule.allowed != nil && external[name] == "" && !slices.Contains(rule.allowed, name) {
				t.Fatalf("%s is not allowed", name)
			}
		}
		if len(all) > rule.max {
			t.Fatalf("%d labels, limit %d", len(all), rule.max)
		}
		for _, a := range got.moved {
			if _, both := all[a.Key]; both {
				t.Fatalf("%s is both", a.Key)
			}
			all[a.Key] = a.Value
		}
		if !maps.Equal(all, want) {
			t.Fatalf("%v became %v", want, all)
		}
	}
	if none > 1000 {
		t.Errorf("%d of 2000 had no label that names a stream", none)
	}
}

// What is moved arrives with every entry, before its own attributes, of which Loki keeps the last.
func TestMovedLabels(t *testing.T) {
	f := newFake(t)
	s := newSink(t, f.URL, func(c *Config) { c.StreamLabels = []string{"app"} })
	b := batch.New(nil, batch.MustLabels("app", "shop", "pod", "p-1"))
	b.Append(start, []byte("a"), batch.Attr{Key: "pod", Value: "own"})
	b.Append(start, []byte("b"))
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	p := f.all()[0]
	if p.labels != `{app="shop"}` || fmt.Sprint(p.entries[0].metadata, p.entries[1].metadata) != "[{pod p-1} {pod own}] [{pod p-1}]" {
		t.Errorf("%s %v", p.labels, p.entries)
	}
	if n := s.Stats().OverLimit; n != 0 {
		t.Errorf("%d entries are counted as over the limit", n)
	}
	if err := s.Write(t.Context(), newBatch(batch.MustLabels("app", "shop", "pod", strings.Repeat("v", 64<<10)), "c")); !sink.IsPermanent(err) || !strings.Contains(err.Error(), "attributes of 65539 bytes") {
		t.Errorf("%v", err)
	}
}

func TestOverLimitIsCounted(t *testing.T) {
	f := newFake(t)
	s := newSink(t, f.URL)
	if err := s.Write(t.Context(), newBatch(labelsOf(15), "a", "b")); err != nil {
		t.Fatal(err)
	}
	p := f.all()[0]
	if l, err := parseLabels(p.labels); len(l) != 14 || fmt.Sprint(p.entries[0].metadata) != "[{l9 v}]" {
		t.Errorf("%s %v %v", p.labels, p.entries[0].metadata, err)
	}
	if n := s.Stats().OverLimit; n != 2 {
		t.Errorf("%d entries are counted as over the limit, want 2", n)
	}
}

// A Loki without structured metadata gets none.
func TestAttrsAreDropped(t *testing.T) {
	f := newFake(t)
	s := newSink(t, f.URL, func(c *Config) { c.DropAttrs, c.StreamLabels = true, []string{"app"} })
	b := batch.New(nil, batch.MustLabels("app", "shop", "pod", "p-1"))
	b.Append(start, []byte("a"), batch.Attr{Key: "k", Value: strings.Repeat("v", 100<<10)})
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if e := f.all()[0].entries[0]; len(e.metadata) != 0 || e.line != "a" {
		t.Errorf("%v", e)
	}
}

// Nothing newer of a stream is sent while entries of it wait, whichever labels they have beside those of the stream.
func TestStreamStopsWhole(t *testing.T) {
	for _, packed := range []bool{false, true} {
		f := newFake(t)
		f.packed = packed
		rate := "entry with timestamp x ignored, reason: 'Per stream rate limit exceeded (limit: 3MB/sec)', "
		f.answer = func(_ int, p push, w http.ResponseWriter, _ *http.Request) bool {
			if p.labels == `{app="a"}` {
				http.Error(w, rate, http.StatusTooManyRequests)
			}
			return p.labels == `{app="a"}`
		}
		s := newSink(t, f.URL, func(c *Config) { c.StreamLabels, c.Packed = []string{"app"}, packed })
		ls := []batch.Labels{batch.MustLabels("app", "a", "pod", "1"), batch.MustLabels("app", "a", "pod", "2"), batch.MustLabels("app", "b", "pod", "3")}
		err := s.Write(t.Context(), byTenant(ls...))
		if got := failedIndices(t, err, 3); !slices.Equal(got, []int{0, 1}) {
			t.Errorf("packed %v: failed %v: %v", packed, got, err)
		}
		refused := 0
		for _, p := range f.all() {
			if len(p.others) == 0 && p.labels == `{app="a"}` {
				refused++
			}
		}
		if refused != 1 {
			t.Errorf("packed %v: %d requests of the stream that waits", packed, refused)
		}
	}
}
