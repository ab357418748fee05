package loki

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

func numbered(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprint("line ", i)
	}
	return lines
}

// A server that stores what it likes and says no more than "bad" is asked again in halves.
func TestUnknownRefusalIsBisected(t *testing.T) {
	for _, bad := range [][]int{{0}, {499}, {17}, {3, 250, 251}, {100, 300, 400}} {
		f := newFake(t)
		f.answer = func(_ int, p push, w http.ResponseWriter, _ *http.Request) bool {
			for _, i := range bad {
				if slices.ContainsFunc(p.entries, func(e pushedEntry) bool { return e.line == fmt.Sprint("line ", i) }) {
					http.Error(w, "bad", http.StatusBadRequest)
					return true
				}
			}
			return false
		}
		s := newSink(t, f.URL)
		err := s.Write(t.Context(), newBatch(shop, numbered(500)...))
		if got := failedIndices(t, err, 500); !slices.Equal(got, bad) {
			t.Errorf("failed %v, want %v", got, bad)
		}
		if n := s.Stats(); n.Requests != n.Resends+1 || n.Resends > maxResends {
			t.Errorf("%+v", n)
		}
	}
}

// If each of them is refused, that is found out before all have been sent alone.
func TestUnknownRefusalOfAll(t *testing.T) {
	f := newFake(t)
	f.answer = func(_ int, _ push, w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "bad", http.StatusBadRequest)
		return true
	}
	err := newSink(t, f.URL).Write(t.Context(), newBatch(shop, numbered(5000)...))
	if got := failedIndices(t, err, 5000); len(got) != 5000 {
		t.Errorf("%d failed", len(got))
	}
	for _, e := range deliverAll(t, newSink(t, f.URL), newBatch(shop, numbered(5000)...)) {
		if !sink.IsPermanent(e) {
			t.Fatalf("%v is not permanent", e)
		}
	}
	if n := len(f.all()); n > 2*(maxResends+1) {
		t.Errorf("%d requests", n)
	}
}

// One Write makes a bounded number of requests, and each gets further than the one before.
func TestResendsAreBounded(t *testing.T) {
	f := newFake(t)
	f.answer = func(_ int, p push, w http.ResponseWriter, _ *http.Request) bool {
		if p.raw > 300 && len(p.entries) > 1 {
			http.Error(w, "request body too large", http.StatusRequestEntityTooLarge)
			return true
		}
		return false
	}
	s := newSink(t, f.URL)
	lines := numbered(3000)
	b := newBatch(shop, lines...)
	err := s.Write(t.Context(), b)
	failed := failedIndices(t, err, len(lines))
	if n := len(f.all()); n > maxResends+1 || len(failed) == 0 || len(failed) == len(lines) {
		t.Errorf("%d requests, %d failures", n, len(failed))
	}
	for i, e := range deliverAll(t, s, b) {
		if e != nil {
			t.Fatalf("entry %d: %v", i, e)
		}
	}
	got := f.lines()
	slices.Sort(got)
	got = slices.Compact(got)
	slices.Sort(lines)
	if !slices.Equal(got, lines) {
		t.Error("lines are missing")
	}
}

// An entry that no request is small enough for is a permanent failure, and its neighbours are delivered, in order.
func TestTooLargeEntry(t *testing.T) {
	for name, refuse := range map[string]fixedAnswer{
		"413":  {http.StatusRequestEntityTooLarge, "request body too large", nil},
		"grpc": {http.StatusInternalServerError, "rpc error: code = ResourceExhausted desc = grpc: received message larger than max (6282765 vs. 4194304)", nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.answer = func(_ int, p push, w http.ResponseWriter, _ *http.Request) bool {
				if p.raw > 2000 {
					refuse.give(w)
					return true
				}
				return false
			}
			lines := numbered(300)
			lines[70] = strings.Repeat("x", 3000)
			err := newSink(t, f.URL).Write(t.Context(), newBatch(shop, lines...))
			if got := failedIndices(t, err, 300); !slices.Equal(got, []int{70}) {
				t.Errorf("failed %v: %v", got, err)
			}
			if !slices.Equal(f.lines(), slices.Delete(lines, 70, 71)) {
				t.Error("lines are missing or out of order")
			}
		})
	}
}

// A request that is larger than the burst of the rate limit gets through in the end, in parts.
func TestBatchAboveBurst(t *testing.T) {
	for name, limit := range map[string]int{"limit below burst": 3000, "limit above burst": 1_000_000} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			const burst = 5000
			f.answer = func(_ int, p push, w http.ResponseWriter, _ *http.Request) bool {
				if p.raw > burst {
					http.Error(w, tenantRate(p.raw, limit), http.StatusTooManyRequests)
					return true
				}
				return false
			}
			s := newSink(t, f.URL)
			lines := numbered(2000)
			b := newBatch(shop, lines...)
			for i, e := range deliverAll(t, s, b) {
				if e != nil {
					t.Fatalf("entry %d: %v", i, e)
				}
			}
			if !slices.Equal(f.lines(), lines) {
				t.Error("lines are missing or out of order")
			}
			if err := s.Write(t.Context(), newBatch(shop, "x")); err != nil {
				t.Error(err)
			}
		})
	}
}

// A single line above the limit is given up, but not before it has been tried in many Writes.
func TestEntryAboveBurst(t *testing.T) {
	f := newFake(t)
	f.answer = func(_ int, p push, w http.ResponseWriter, _ *http.Request) bool {
		if p.raw > 1000 {
			http.Error(w, tenantRate(p.raw, 900), http.StatusTooManyRequests)
			return true
		}
		return false
	}
	s := newSink(t, f.URL)
	b := newBatch(shop, strings.Repeat("x", 2000))
	for i := range patience + maxShrink {
		err := s.Write(t.Context(), b)
		want := throttled
		if i == patience+maxShrink-1 {
			want = permanent
		}
		if got := classOf(err); got != want {
			t.Fatalf("Write %d: %s, want %s: %v", i, got, want, err)
		}
	}
}

func TestParseRefusal(t *testing.T) {
	l := `{app="a \"}' has timestamp too new: ", z="; 2 errors like: "}`
	old := "entry for stream '" + l + "' has timestamp too old: 2026-01-02T03:04:05Z, oldest acceptable timestamp is: 2026-01-03T03:04:05+02:00"
	long := "max entry size '262144' bytes exceeded for stream '" + l + "' while adding an entry with length '307200' bytes"
	for _, c := range []struct {
		body     string
		cut      bool
		reasons  string
		stream   bool
		complete bool
	}{
		{old, false, "[0x1]", false, true},
		{"7 errors like: " + old + "; 2 errors like: " + long + "\n", false, "[0x7 2x2]", false, true},
		{"7 errors like: " + old + "; 2 errors like: " + long, true, "[0x7]", false, false},
		{"7 errors like: " + old + "; 2 errors li", true, "[0x7]", false, false},
		{old + " or so", false, "[0x1]", false, false},
		{"0 errors like: " + old, false, "[]", false, false},
		{"entry for stream '" + l + "' has 22 label names; limit 15", false, "[]", true, true},
		{"9 errors like: stream '" + l + "' has label name too long: 'x'", false, "[]", true, true},
		{"stream '" + l + "' includes structured metadata, but this feature is disallowed. Please see `limits_config.allow_structured_metadata` or contact your Loki administrator to enable it", false, "[3x1]", false, true},
		{"", false, "[]", false, false},
		{"entry for stream '{", false, "[]", false, false},
	} {
		r := parseRefusal(c.body, c.cut)
		got := []string{}
		for _, why := range r.reasons {
			got = append(got, fmt.Sprint(int(why.kind), "x", why.count))
		}
		if fmt.Sprint(got) != c.reasons || r.stream != c.stream || r.complete != c.complete {
			t.Errorf("%s:\n%v, stream %v, complete %v", c.body, got, r.stream, r.complete)
		}
	}
}

// Whatever the answer says, ruling on it neither panics nor loses an entry.
func FuzzAnswer(f *testing.F) {
	l := `{app="shop", service_name="shop"}`
	for _, body := range []string{
		"", "empty ring", tenantRate(10, 1), "couldn't parse labels: x", "snappy: corrupt input",
		"2 errors like: entry for stream '" + l + "' has timestamp too new: " + start.UTC().Format(time.RFC3339),
		"1 errors like: entry for stream '" + l + "' has timestamp too old: " + start.UTC().Format(time.RFC3339) + ", oldest acceptable timestamp is: 2026-01-03T03:04:05Z; 1 errors like: max entry size '3' bytes exceeded for stream '" + l + "' while adding an entry with length '6' bytes",
		"stream '" + l + "' has too many structured metadata labels: '1', limit: '0'. Please see x to increase it",
		"entry with timestamp " + start.UTC().String() + " ignored, reason: 'entry too far behind, entry timestamp is: x, oldest acceptable timestamp is: 2030-01-01T00:00:00Z',\nuser 'fake', total ignored: 3 out of 4 for stream: " + l,
		"entry with timestamp x ignored, reason: 'Per stream rate limit exceeded (limit",
	} {
		for _, status := range []int{400, 429, 500, 260} {
			f.Add(status, body, false)
		}
	}
	s, err := New(Config{URL: "http://127.0.0.1"})
	if err != nil {
		f.Fatal(err)
	}
	b := newBatch(shop, "line 0", "line 1", "line 2", "line 3")
	b.Entries[3].Attrs = []batch.Attr{{Key: "k", Value: "v"}}
	b.Entries[2].Time = b.Entries[1].Time
	idx := allOf(b)
	f.Fuzz(func(t *testing.T, status int, body string, cut bool) {
		a := answer{status: status, body: body, cut: cut, header: http.Header{}}
		r := s.rule(a)
		if (r.err == nil) != (r.verdict == stored) || (r.verdict == stored) != (status == 204) {
			t.Fatalf("%+v", r)
		}
		found := attribute(parseRefusal(body, cut), mappingOf(b.Labels), &draft{b: b}, idx)
		accepted := 0
		for _, f := range found.fates {
			if f == 2 {
				accepted++
			}
		}
		// A 400 refuses something. That all are accepted would lose what it refuses.
		if accepted == len(idx) {
			t.Fatal("every entry is accepted")
		}
	})
}
