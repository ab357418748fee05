package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrClosed is what a Send, Flush, Add or Start returns once the pipeline is
// being closed or has ended.
var ErrClosed = errors.New("pipeline: closed")

// errNotDelivered is the outcome of what is left at a hard stop.
var errNotDelivered = errors.New("pipeline: stopped before delivery")

// An UndeliveredError is in the chain of what [Engine.Close] returns if entries
// were read and not delivered. Their cursors have not moved: the next start of
// the same sources reads them again.
type UndeliveredError struct {
	Sources map[string]int64 // entries, by source; no zeros
}

// Error names every source with its count.
func (e *UndeliveredError) Error() string {
	var b strings.Builder
	b.WriteString("pipeline: not delivered:")
	for _, name := range slices.Sorted(maps.Keys(e.Sources)) {
		fmt.Fprintf(&b, " %d of %s,", e.Sources[name], name)
	}
	return strings.TrimSuffix(b.String(), ",")
}
