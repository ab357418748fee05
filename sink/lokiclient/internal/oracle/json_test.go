package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/grafana/loki/pkg/push"
	"github.com/prometheus/prometheus/model/labels"
)

func unzipped(wire []byte, encoding string) ([]byte, error) {
	if encoding != "gzip" {
		return wire, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(wire))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// readJSON reads both forms: that of the push endpoint, and the older one that loki-client-go writes.
func readJSON(message []byte) (streams []push.Stream, err error) {
	var body struct{ Streams []json.RawMessage }
	if err := json.Unmarshal(message, &body); err != nil {
		return nil, err
	}
	for _, text := range body.Streams {
		s, err := readJSONStream(text)
		if err != nil {
			return nil, err
		}
		streams = append(streams, s)
	}
	return streams, nil
}

func readJSONStream(text []byte) (s push.Stream, err error) {
	var form struct {
		Stream map[string]string
		Values [][]json.RawMessage
	}
	if err := json.Unmarshal(text, &form); err != nil {
		return s, err
	}
	if form.Stream == nil {
		err := json.Unmarshal(text, &s)
		for i := range s.Entries {
			s.Entries[i].Timestamp = s.Entries[i].Timestamp.UTC() // the client has said it in the zone of the machine
		}
		return s, err
	}
	s.Labels = labels.FromMap(form.Stream).String()
	for _, v := range form.Values {
		e, err := readJSONEntry(v)
		if err != nil {
			return s, err
		}
		s.Entries = append(s.Entries, e)
	}
	return s, nil
}

func readJSONEntry(v []json.RawMessage) (e push.Entry, err error) {
	var nanos string
	into := []any{&nanos, &e.Line, &e.StructuredMetadata}
	if len(v) < 2 || len(v) > len(into) {
		return e, fmt.Errorf("an entry of %d parts", len(v))
	}
	var errs []error
	for i := range v {
		errs = append(errs, json.Unmarshal(v[i], into[i]))
	}
	n, err := strconv.ParseInt(nanos, 10, 64)
	e.Timestamp = time.Unix(0, n).UTC()
	return e, errors.Join(append(errs, err)...)
}

// throughJSON makes of streams what JSON can say of them: text is UTF-8, and metadata is a map.
func throughJSON(streams map[streamID][]push.Entry) {
	for _, es := range streams {
		for i := range es {
			es[i].Line = asUTF8(es[i].Line)
			m := slices.Clone(es[i].StructuredMetadata)
			for k := range m {
				m[k].Value = asUTF8(m[k].Value)
			}
			slices.SortFunc(m, func(a, b push.LabelAdapter) int { return strings.Compare(a.Name, b.Name) })
			es[i].StructuredMetadata = m
		}
	}
}

// asUTF8 has U+FFFD for each byte that is no part of a character.
func asUTF8(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(r)
	}
	return b.String()
}

// TestJSON: what sink/loki says in JSON is what it and loki-client-go say in protobuf. What loki-client-go says in JSON is
// the same, but for the metadata, which it leaves out; and it says it in a form that Loki's endpoint reads nothing from.
func TestJSON(t *testing.T) {
	for name, es := range map[string][]entry{"logs": logs(t), "odd": odd()} {
		for _, packed := range []bool{false, true} {
			cfg := config{batch: 100_000, json: true, packed: packed, tenant: "blue", external: labelFlag{"host": "web-1"}}
			theirs, ours := both(t, cfg, es)
			wanted := want(cfg, es)
			throughJSON(wanted)
			inOrder(wanted)
			compare(t, name+": logferry", streamsOf(t, ours), wanted)

			wanted = want(cfg, es)
			throughJSON(wanted)
			for _, es := range wanted {
				for i := range es {
					es[i].StructuredMetadata = nil
				}
			}
			compare(t, name+": loki-client-go", streamsOf(t, theirs), wanted)
			if !bytes.Contains(theirs[0].message, []byte(`"entries":[{"ts":`)) || !bytes.Contains(ours[0].message, []byte(`"values":[["`)) {
				t.Errorf("the forms are others: %.200s and %.200s", theirs[0].message, ours[0].message)
			}
		}
	}
}
