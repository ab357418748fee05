package lokitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// The clients that the program knows.
const archivedClient, ourClient, bridgeClient = "loki-client-go", "logferry", "bridge"

// buildOracle builds the oracle of sink/lokiclient, which pushes with loki-client-go, as such or as a sink, or with sink/loki, and returns its path.
func buildOracle(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "oracle")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-C", "../../sink/lokiclient", "-o", bin, "./internal/oracle").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// An oracleEntry is what the program reads.
type oracleEntry struct {
	Labels   map[string]string
	Nanos    int64
	Line     []byte
	Metadata []oraclePair
}

type oraclePair struct{ Name, Value string }

// runOracle pushes es with a client, whose name, and how it is told to push, is a label of every stream then. The error is
// what the client says of those that it did not get through.
func runOracle(t *testing.T, bin, client, endpoint string, es []oracleEntry, args ...string) error {
	t.Helper()
	var in bytes.Buffer
	enc := json.NewEncoder(&in)
	for _, e := range es {
		if err := enc.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	args = append([]string{"-client", client, "-url", endpoint, "-external", "client=" + strings.Join(append([]string{client}, args...), "")}, args...)
	cmd := exec.CommandContext(t.Context(), bin, args...)
	cmd.Stdin = &in
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", client, err, out)
	}
	return nil
}

// mustOracle is runOracle for what gets through.
func mustOracle(t *testing.T, bin, client, endpoint string, es []oracleEntry, args ...string) {
	t.Helper()
	if err := runOracle(t, bin, client, endpoint, es, args...); err != nil {
		t.Fatal(err)
	}
}

// oracleEntries are lines of all logs, a stream for each file, and entries whose labels, times or metadata are odd.
func oracleEntries(t *testing.T) (es []oracleEntry) {
	t.Helper()
	now := time.Now().Add(-time.Minute).UnixNano()
	for _, file := range logFiles(t) {
		lines := linesOf(t, file)
		for i, line := range lines[:min(len(lines), 500)] { // a query takes its time
			e := oracleEntry{
				Labels: map[string]string{"app": "shop", "filename": filepath.Base(file)},
				Nanos:  now + int64(i)*1000,
				Line:   []byte(line),
			}
			if i%3 == 0 {
				e.Metadata = []oraclePair{{"trace_id", fmt.Sprintf("%016x", i)}, {"pod", "web-1"}}
			}
			es = append(es, e)
		}
	}
	for _, value := range []string{
		`"`, `\`, "`", `{a="b"}`, "line\nfeed", "CR\rTAB\tNUL\x00", "日本", "\U0001f600", "\u00a0\u200b\u2028", " x ", strings.Repeat("v", 2000),
	} {
		es = append(es, oracleEntry{Labels: map[string]string{"app": "odd", "value": value}, Nanos: now, Line: []byte("odd value")})
	}
	for _, name := range []string{"_", "__x__", "a", "a_1", "by", "host", strings.Repeat("n", 1000)} {
		es = append(es, oracleEntry{Labels: map[string]string{"app": "odd", name: "v", name + "2": "w"}, Nanos: now, Line: []byte("odd name")})
	}
	odd := func(nanos int64, line string, m ...oraclePair) {
		es = append(es, oracleEntry{Labels: map[string]string{"app": "odd"}, Nanos: nanos, Line: []byte(line), Metadata: m})
	}
	odd(now, "twice")
	odd(now, "twice")
	odd(now, "twice", oraclePair{"but", "not the same"})
	odd(now, "")
	odd(now-int64(time.Minute), "out of order")
	odd(now, "names", oraclePair{"http.method", "GET"}, oraclePair{"9lives", "1"}, oraclePair{"a.-.b", "2"}, oraclePair{"x日", "3"})
	odd(now, "equal names", oraclePair{"k", "first"}, oraclePair{"k", "second"}, oraclePair{"K", "other"})
	odd(now, "values", oraclePair{"empty", ""}, oraclePair{"text", "\n\"\\日本"})
	return es
}

// pushedBy returns what client has pushed, without its label: entries by labels, those of one instant in a fixed order.
func pushedBy(t *testing.T, s *Server, client string) map[string][]Entry {
	t.Helper()
	now := time.Now()
	streams, err := s.Query(t.Context(), fmt.Sprintf(`{client=%q}`, client), now.Add(-time.Hour), now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]Entry{}
	for _, st := range streams {
		l := maps.Clone(st.Labels)
		delete(l, "client")
		slices.SortStableFunc(st.Entries, func(a, b Entry) int {
			if c := a.Time.Compare(b.Time); c != 0 {
				return c
			}
			return strings.Compare(fmt.Sprint(a.Line, a.Metadata), fmt.Sprint(b.Line, b.Metadata))
		})
		all[fmt.Sprint(l)] = st.Entries
	}
	return all
}

// TestBothClientsStoreTheSame: a query finds of what loki-client-go has pushed and of what sink/loki has, in every form it
// has, the same streams, with the same entries and metadata.
func TestBothClientsStoreTheSame(t *testing.T) {
	s := Start(t)
	bin, es := buildOracle(t), oracleEntries(t)
	mustOracle(t, bin, archivedClient, s.URL+"/loki/api/v1/push", es)
	want := pushedBy(t, s, archivedClient)
	n := 0
	for _, entries := range want {
		n += len(entries)
	}
	if n != len(es)-1 { // one of the entries that are "twice" is the other
		t.Errorf("%d entries of %s stored; %d were pushed, two of them the same", n, archivedClient, len(es))
	}
	for _, form := range []string{"", "-packed", "-json"} {
		var args []string
		if form != "" {
			args = []string{form}
		}
		mustOracle(t, bin, ourClient, s.URL+"/loki/api/v1/push", es, args...)
		sameStored(t, want, pushedBy(t, s, ourClient+form))
	}
	mustOracle(t, bin, bridgeClient, s.URL+"/loki/api/v1/push", es)
	sameStored(t, want, pushedBy(t, s, bridgeClient))
	t.Logf("%d streams, %d entries", len(want), n)
}

// sameStored fails the test unless Loki has the same of both clients.
func sameStored(t *testing.T, want, got map[string][]Entry) {
	t.Helper()
	if len(want) != len(got) {
		t.Errorf("%d streams of %s, %d of %s", len(want), archivedClient, len(got), ourClient)
	}
	for labels, entries := range want {
		if len(got[labels]) != len(entries) {
			t.Errorf("stream %s: %d entries of %s, %d of %s", labels, len(entries), archivedClient, len(got[labels]), ourClient)
			continue
		}
		for i := range entries {
			if !reflect.DeepEqual(entries[i], got[labels][i]) {
				t.Errorf("stream %s: %s stored %+v, %s %+v", labels, archivedClient, entries[i], ourClient, got[labels][i])
				break
			}
		}
	}
}

// TestBothClientsStoreTheSameForTenants: the tenant by label, and the other one.
func TestBothClientsStoreTheSameForTenants(t *testing.T) {
	s := Start(t, Tenants(nil))
	bin := buildOracle(t)
	tenants := map[string]int{"blue": 0, "red": 0, "gre.en-1": 0}
	var es []oracleEntry
	for i, e := range oracleEntries(t) {
		e.Labels = maps.Clone(e.Labels)
		tenant := []string{"blue", "red", "gre.en-1"}[i%3]
		if tenants[tenant]++; tenant != "blue" {
			e.Labels["__tenant_id__"] = tenant
		}
		es = append(es, e)
	}
	mustOracle(t, bin, archivedClient, s.URL+"/loki/api/v1/push", es, "-tenant=blue")
	mustOracle(t, bin, ourClient, s.URL+"/loki/api/v1/push", es, "-tenant=blue")
	mustOracle(t, bin, ourClient, s.URL+"/loki/api/v1/push", es, "-tenant=blue", "-packed")
	mustOracle(t, bin, bridgeClient, s.URL+"/loki/api/v1/push", es, "-tenant=blue")
	for tenant, pushed := range tenants {
		want := pushedBy(t, s.As(tenant), archivedClient+"-tenant=blue")
		n := 0
		for _, entries := range want {
			n += len(entries)
		}
		if n != pushed {
			t.Errorf("tenant %s: %d entries of %s, want %d", tenant, n, archivedClient, pushed)
		}
		sameStored(t, want, pushedBy(t, s.As(tenant), ourClient+"-tenant=blue"))
		sameStored(t, want, pushedBy(t, s.As(tenant), ourClient+"-tenant=blue-packed"))
		sameStored(t, want, pushedBy(t, s.As(tenant), bridgeClient+"-tenant=blue"))
	}
}

// TestArchivedJSON: in what loki-client-go sends as JSON, the form of an older API, Loki's endpoint finds no entries, and
// acknowledges them. The old endpoint does take them, but the client has left out their metadata.
func TestArchivedJSON(t *testing.T) {
	s := Start(t)
	bin := buildOracle(t)
	es := []oracleEntry{{
		Labels:   map[string]string{"app": "shop"},
		Nanos:    time.Now().UnixNano(),
		Line:     []byte("order placed"),
		Metadata: []oraclePair{{"trace_id", "17"}},
	}}
	mustOracle(t, bin, archivedClient, s.URL+"/loki/api/v1/push", es, "-json")
	if got := pushedBy(t, s, archivedClient+"-json"); len(got) > 0 {
		t.Errorf("the present endpoint reads the form of loki-client-go: stored %v", got)
	}
	mustOracle(t, bin, archivedClient, s.URL+"/api/prom/push", es, "-json")
	got := pushedBy(t, s, archivedClient+"-json")
	if len(got) != 1 {
		t.Fatalf("the old endpoint: stored %v", got)
	}
	for _, entries := range got {
		if len(entries) != 1 || entries[0].Line != "order placed" || entries[0].Metadata["trace_id"] != "" {
			t.Errorf("the old endpoint: stored %+v, want the line without its metadata", entries)
		}
	}
}

// TestNameThatIsNothing: of a metadata name without a letter or digit Loki makes "_", which it takes for an error of its
// own. With loki-client-go the whole batch is lost, with sink/loki nothing is.
func TestNameThatIsNothing(t *testing.T) {
	s := Start(t)
	bin := buildOracle(t)
	now := time.Now().UnixNano()
	es := []oracleEntry{
		{Labels: map[string]string{"app": "shop"}, Nanos: now, Line: []byte("good")},
		{Labels: map[string]string{"app": "shop"}, Nanos: now + 1, Line: []byte("odd"), Metadata: []oraclePair{{"日本", "1"}}},
		{Labels: map[string]string{"app": "other"}, Nanos: now, Line: []byte("good")},
	}
	for client, want := range map[string]int{archivedClient: 0, ourClient: len(es)} {
		err := runOracle(t, bin, client, s.URL+"/loki/api/v1/push", es, "-tries=1")
		n := 0
		for _, entries := range pushedBy(t, s, client+"-tries=1") {
			n += len(entries)
		}
		if n != want || (err == nil) != (client == ourClient) {
			t.Errorf("%s: %d entries stored, want %d; error %v", client, n, want, err)
		}
	}
}
