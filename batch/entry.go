package batch

import (
	"bytes"
	"slices"
	"time"
)

// An Entry is one log line with what is known about it.
//
// An entry lives in a [Batch]. Line and Attrs point into memory of that batch
// and are valid until it is settled; Clone keeps one for longer.
type Entry struct {
	// Time is when the line was written, as far as its source knows. A zero
	// Time is filled in when the batch is sent: see source.Stream.Send.
	Time time.Time
	// Line is the text without its line end. Any bytes may occur in it.
	Line []byte
	// Labels are the stream the entry belongs to; zero means those of its batch.
	Labels Labels
	// Attrs are facts about this one line; Loki calls them structured metadata.
	Attrs []Attr
}

// An Attr is one fact about one line, for values too varied to be a label.
type Attr struct{ Key, Value string }

// Clone returns a copy of e whose line and attributes share no memory with a
// batch.
func (e *Entry) Clone() Entry {
	c := *e
	c.Line = bytes.Clone(e.Line)
	c.Attrs = slices.Clone(e.Attrs)
	return c
}

// Size is the number of bytes of e's line and attributes: what [Limits]
// counts.
func (e *Entry) Size() int {
	n := len(e.Line)
	for i := range e.Attrs {
		n += len(e.Attrs[i].Key) + len(e.Attrs[i].Value)
	}
	return n
}
