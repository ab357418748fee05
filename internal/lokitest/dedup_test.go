package lokitest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	protopush "github.com/grafana/loki/pkg/push"
)

// contents lists what a query returns: lines and metadata, without what Loki adds to that.
func contents(streams []Stream) (all []string) {
	for _, st := range streams {
		for _, e := range st.Entries {
			m := maps.Clone(e.Metadata)
			delete(m, "detected_level")
			all = append(all, fmt.Sprint(e.Line, m))
		}
	}
	slices.Sort(all)
	return all
}

// TestLokiStoresEqualEntriesOnce is what makes a retry harmless, and says how equal they have to be: metadata counts, its
// order does not. An entry that was flushed or read back from the write-ahead log still counts.
func TestLokiStoresEqualEntriesOnce(t *testing.T) {
	s := Start(t)
	at := time.Now().Add(-time.Minute)
	expect := func(when string, want ...string) {
		t.Helper()
		slices.Sort(want)
		if got := contents(query(t, s)); !slices.Equal(got, want) {
			t.Fatalf("%s: stored %q, want %q", when, got, want)
		}
	}
	pushed := func(metadata ...protopush.LabelAdapter) protopush.Entry {
		return protopush.Entry{Timestamp: at, Line: "same", StructuredMetadata: metadata}
	}
	send := func(entries ...protopush.Entry) {
		t.Helper()
		if status, answer := pushProto(t, s, protopush.Stream{Labels: `{app="shop"}`, Entries: entries}); status != http.StatusNoContent {
			t.Fatalf("push: status %d: %s", status, answer)
		}
	}
	a, b, c := protopush.LabelAdapter{Name: "k", Value: "1"}, protopush.LabelAdapter{Name: "l", Value: "2"}, protopush.LabelAdapter{Name: "k", Value: "2"}

	send(pushed(), pushed(a, b), pushed(c), pushed(b, a), pushed())
	expect("in one request", "samemap[]", "samemap[k:1 l:2]", "samemap[k:2]")
	send(pushed(b, a), pushed(), pushed(c), pushed(a))
	expect("in two", "samemap[]", "samemap[k:1 l:2]", "samemap[k:2]", "samemap[k:1]")
	s.Kill()
	s.Restart()
	send(pushed(), pushed(a, b), pushed(c), pushed(a))
	expect("after a kill", "samemap[]", "samemap[k:1 l:2]", "samemap[k:2]", "samemap[k:1]")
	s.Stop()
	s.Restart()
	send(pushed(a, b), pushed(a), pushed(), pushed(c), pushed(b))
	expect("after a stop", "samemap[]", "samemap[k:1 l:2]", "samemap[k:2]", "samemap[k:1]", "samemap[l:2]")
}
