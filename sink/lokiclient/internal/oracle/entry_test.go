package main

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestReadEntries(t *testing.T) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	es := odd()
	for _, e := range es {
		e.Metadata = asText(e.Metadata)
		if err := enc.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readEntries(&text)
	if err != nil || len(got) != len(es) {
		t.Fatalf("%d entries, want %d: %v", len(got), len(es), err)
	}
	for i := range es {
		es[i].Metadata = asText(es[i].Metadata)
		if !reflect.DeepEqual(got[i], es[i]) {
			t.Errorf("entry %d: got %+v, want %+v", i, got[i], es[i])
		}
	}
	if _, err := readEntries(strings.NewReader(`{"Labels":{}} {"Nanos":"noon"}`)); err == nil || !strings.Contains(err.Error(), "entry 2") {
		t.Errorf("error %v, want one about entry 2", err)
	}
	if err := run("curl", config{}); err == nil {
		t.Error("there is a client of any name")
	}
}

// asText is m with its values as JSON can hold them.
func asText(m []pair) (out []pair) {
	for _, p := range m {
		out = append(out, pair{p.Name, strings.ToValidUTF8(p.Value, "?")})
	}
	return out
}
