package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// An entry is a line to push.
type entry struct {
	Labels   map[string]string
	Nanos    int64  // since 1970
	Line     []byte // in base64, as JSON is text and a line need not be
	Metadata []pair // in this order
}

// A pair is a name and a value of structured metadata.
type pair struct{ Name, Value string }

func (e entry) time() time.Time { return time.Unix(0, e.Nanos) }

// readEntries reads entries until r ends.
func readEntries(r io.Reader) ([]entry, error) {
	var es []entry
	for d := json.NewDecoder(r); ; {
		var e entry
		err := d.Decode(&e)
		if errors.Is(err, io.EOF) {
			return es, nil
		}
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", len(es)+1, err)
		}
		es = append(es, e)
	}
}
