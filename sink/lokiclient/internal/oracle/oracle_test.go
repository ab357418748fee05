package main

import (
	"bytes"
	"cmp"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	lokiclient "github.com/grafana/loki-client-go/loki"
	"github.com/grafana/loki/pkg/push"
	"github.com/prometheus/prometheus/model/labels"
)

// both pushes es with both clients and returns what reached the server.
func both(t *testing.T, cfg config, es []entry) (theirs, ours []request) {
	t.Helper()
	r := newRecorder(t)
	cfg.url = r.endpoint()
	if err := pushArchived(cfg, es); err != nil {
		t.Fatal(err)
	}
	theirs = r.take()
	if err := pushLogferry(cfg, es); err != nil {
		t.Fatal(err)
	}
	return theirs, r.take()
}

// want is what the entries are as streams, by way of neither client.
func want(cfg config, es []entry) map[streamID][]push.Entry {
	all := map[streamID][]push.Entry{}
	for _, e := range es {
		l := map[string]string{}
		for name, value := range cfg.external {
			l[name] = value
		}
		for name, value := range e.Labels {
			l[name] = value
		}
		var m push.LabelsAdapter
		for _, p := range e.Metadata {
			m = append(m, push.LabelAdapter{Name: p.Name, Value: p.Value})
		}
		id := streamID{tenant: cfg.tenant}
		if own := l[lokiclient.ReservedLabelTenantID]; own != "" {
			id.tenant = own
			delete(l, lokiclient.ReservedLabelTenantID)
		}
		id.labels = labels.FromMap(l).String()
		all[id] = append(all[id], push.Entry{Timestamp: e.time().UTC(), Line: string(e.Line), StructuredMetadata: m})
	}
	return all
}

// TestSameStreams: what the two clients make of the same entries is the same, stream by stream and entry by entry, and it
// is what was put in.
func TestSameStreams(t *testing.T) {
	external := labels.FromStrings("host", "web-1", "zone", `"a"`).Map()
	for _, tc := range []struct {
		name    string
		cfg     config
		entries []entry
	}{
		{"logs", config{batch: 1 << 20}, logs(t)},
		{"logs in small requests", config{batch: 5000, external: external, tenant: "blue"}, logs(t)},
		{"odd entries", config{batch: 1 << 20}, odd()},
		{"odd times", config{batch: 1 << 20}, append(odd(), oddTimes()...)},
		{"odd entries with external labels", config{batch: 1 << 20, external: external, tenant: "a.b-c!(1)"}, odd()},
		{"odd entries one by one", config{batch: 1}, odd()},
		{"logs, packed", config{batch: 1 << 20, packed: true}, logs(t)},
		{"odd entries, packed", config{batch: 100_000, packed: true, external: external, tenant: "blue"}, odd()},
		{"tenants", config{batch: 10_000, tenant: "blue"}, ofTenants(logs(t))},
		{"tenants, packed", config{batch: 10_000, tenant: "blue", external: external, packed: true}, ofTenants(logs(t))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			theirs, ours := both(t, tc.cfg, tc.entries)
			t.Logf("%d entries: %d requests of loki-client-go, %d of logferry", len(tc.entries), len(theirs), len(ours))
			wanted := want(tc.cfg, tc.entries)
			compare(t, "loki-client-go", streamsOf(t, theirs), wanted)
			inOrder(wanted)
			compare(t, "logferry", streamsOf(t, ours), wanted)
		})
	}
}

// inOrder sorts streams by time, as sink/loki does with what it is handed at once.
func inOrder(streams map[streamID][]push.Entry) {
	for _, es := range streams {
		slices.SortStableFunc(es, func(a, b push.Entry) int { return a.Timestamp.Compare(b.Timestamp) })
	}
}

// ofTenants gives two entries in three a tenant of their own.
func ofTenants(es []entry) []entry {
	for i := range es {
		if tenant := []string{"", "red", "green"}[i%3]; tenant != "" {
			es[i].Labels[lokiclient.ReservedLabelTenantID] = tenant
		}
	}
	return es
}

func compare(t *testing.T, client string, got, want map[streamID][]push.Entry) {
	t.Helper()
	for id := range got {
		if _, ok := want[id]; !ok {
			t.Errorf("%s: stream %v: there is none", client, id)
		}
	}
	for id, es := range want {
		if len(got[id]) != len(es) {
			t.Errorf("%s: stream %v: %d entries, want %d", client, id, len(got[id]), len(es))
			continue
		}
		for i := range es {
			if !reflect.DeepEqual(got[id][i], es[i]) {
				t.Errorf("%s: stream %v: entry %d: got %+v, want %+v", client, id, i, got[id][i], es[i])
				break
			}
		}
	}
}

// TestSameBytes: a request of one stream is the same to the byte before it is compressed. Only where its entries are an hour
// and more apart, sink/loki makes several of it.
func TestSameBytes(t *testing.T) {
	streams := map[string][]entry{}
	for _, e := range append(logs(t), odd()...) {
		l := labels.FromMap(e.Labels).String()
		streams[l] = append(streams[l], e)
	}
	var size, theirWire, ourWire int
	for _, es := range streams {
		slices.SortStableFunc(es, func(a, b entry) int { return cmp.Compare(a.Nanos, b.Nanos) })
		theirs, ours := both(t, config{batch: 3 << 20, external: map[string]string{"host": "web-1"}}, es)
		if len(theirs) != 1 || len(ours) != 1 {
			t.Fatalf("%d and %d requests", len(theirs), len(ours))
		}
		size += len(ours[0].message)
		theirWire += theirs[0].wire
		ourWire += ours[0].wire
		if !bytes.Equal(theirs[0].message, ours[0].message) && !reordered(theirs[0], ours[0]) {
			t.Errorf("stream %s: %d and %d bytes, which differ", theirs[0].push.Streams[0].Labels, len(theirs[0].message), len(ours[0].message))
		}
	}
	t.Logf("%d streams, %d bytes; compressed %d by loki-client-go, %d by logferry", len(streams), size, theirWire, ourWire)
}

// reordered reports whether two requests of one stream have the same entries and the same labels in another order. That
// happens: loki-client-go sorts labels together with their values, so that a="…" comes after a1="…".
func reordered(theirs, ours request) bool {
	a, b := theirs.push.Streams[0], ours.push.Streams[0]
	parts := func(l string) []string {
		ps := strings.Split(strings.Trim(l, "{}"), ", ")
		slices.Sort(ps)
		return ps
	}
	return a.Labels != b.Labels && slices.Equal(parts(a.Labels), parts(b.Labels)) && reflect.DeepEqual(a.Entries, b.Entries)
}

// TestLabelOrder is the only way in which the text of good labels differs.
func TestLabelOrder(t *testing.T) {
	es := []entry{{Labels: map[string]string{"a": "x", "a1": "y", "b": "z"}, Line: []byte("line")}}
	theirs, ours := both(t, config{batch: 1000}, es)
	if got := theirs[0].push.Streams[0].Labels; got != `{a1="y", a="x", b="z"}` {
		t.Errorf("loki-client-go: %s", got)
	}
	if got := ours[0].push.Streams[0].Labels; got != `{a="x", a1="y", b="z"}` {
		t.Errorf("logferry: %s", got)
	}
	if !reordered(theirs[0], ours[0]) {
		t.Error("the difference is more than the order")
	}
}

// TestSameHeaders: all that speaks to Loki or a gateway is the same.
func TestSameHeaders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("  in a file\t\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]config{
		"plain":             {},
		"tenant":            {tenant: "blue"},
		"basic auth":        {user: "me", password: secret{text: "p:ä \"x"}},
		"password file":     {user: "me", password: secret{file: file}},
		"bearer token":      {bearer: secret{text: "abc.def"}, tenant: "blue"},
		"bearer token file": {bearer: secret{file: file}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.batch = 1 << 20
			theirs, ours := both(t, cfg, odd()[:1])
			if len(theirs) != 1 || len(ours) != 1 {
				t.Fatalf("%d and %d requests", len(theirs), len(ours))
			}
			a, b := theirs[0], ours[0]
			if a.method != http.MethodPost || b.method != a.method || b.path != a.path {
				t.Errorf("%s %s and %s %s", a.method, a.path, b.method, b.path)
			}
			if !strings.HasPrefix(a.header.Get("User-Agent"), "promtail/") || b.header.Get("User-Agent") != "logferry" {
				t.Errorf("User-Agent: %q and %q", a.header.Get("User-Agent"), b.header.Get("User-Agent"))
			}
			for _, h := range []http.Header{a.header, b.header} {
				h.Del("User-Agent")
				h.Del("Content-Length") // the two compress differently
			}
			if !reflect.DeepEqual(a.header, b.header) {
				t.Errorf("headers of loki-client-go %v, of logferry %v", a.header, b.header)
			}
		})
	}
}
