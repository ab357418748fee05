package main

import (
	"maps"
	"reflect"
	"testing"
)

// TestBridgeSendsTheSame: what sink/lokiclient has the client send is what it sends by itself, if in other requests.
func TestBridgeSendsTheSame(t *testing.T) {
	r := newRecorder(t)
	cfg := config{url: r.endpoint(), batch: 1 << 20, tries: 1, tenant: "a", external: map[string]string{"host": "web-1", "app": "other"}}
	es := append(logs(t), odd()...)
	if err := pushArchived(cfg, es); err != nil {
		t.Fatal(err)
	}
	want := streamsOf(t, r.take())
	if err := pushBridge(cfg, es); err != nil {
		t.Fatal(err)
	}
	got := streamsOf(t, r.take())
	if len(want) < 3 || len(got) != len(want) {
		t.Errorf("%d streams, want %d", len(got), len(want))
	}
	for id := range maps.Keys(want) {
		if !reflect.DeepEqual(got[id], want[id]) {
			t.Errorf("stream %v differs: %d entries, want %d", id, len(got[id]), len(want[id]))
		}
	}
}
