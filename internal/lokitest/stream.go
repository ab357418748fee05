package lokitest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// A Stream is the part of a query's result that has one label set.
type Stream struct {
	Labels  map[string]string `json:"stream"` // service_name, which Loki adds, included
	Entries []Entry           `json:"values"`
}

// An Entry is one stored line.
type Entry struct {
	Time     time.Time
	Line     string
	Metadata map[string]string // structured metadata, the detected_level that Loki adds included; nil if none
}

// UnmarshalJSON reads the form of the query API: ["<nanoseconds>", "<line>", {"structuredMetadata": {…}}].
func (e *Entry) UnmarshalJSON(data []byte) error {
	var (
		nanos    string
		extra    struct{ StructuredMetadata map[string]string }
		elements = []any{&nanos, &e.Line, &extra}
	)
	if err := json.Unmarshal(data, &elements); err != nil {
		return err
	}
	if len(elements) < 2 || len(elements) > 3 {
		return fmt.Errorf("lokitest: entry with %d elements: %s", len(elements), data)
	}
	n, err := strconv.ParseInt(nanos, 10, 64)
	if err != nil {
		return fmt.Errorf("lokitest: time of an entry: %w", err)
	}
	e.Time, e.Metadata = time.Unix(0, n), extra.StructuredMetadata
	return nil
}
