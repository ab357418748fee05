package batch

import (
	"bytes"
	"math"
	"time"
)

// A Cutter makes entries of text, one for each line. Sources use it; it is a value
// without state, and its methods may be called concurrently for different batches.
type Cutter struct {
	// MaxLine is the longest line taken whole, in bytes without its line end. Of
	// a longer one the first MaxLine bytes become the entry, with the attribute
	// truncated="true". Zero or less: any length.
	MaxLine int
	// KeepCR keeps the carriage return of lines that end in CRLF.
	KeepCR bool
}

// MaxCut bounds the entries a Cutter lets a batch have: the headers of very short
// lines take far more memory than the lines.
const MaxCut = 4096

// Truncated is the attribute of an entry whose line was longer than its source
// takes.
func Truncated() Attr { return Attr{Key: "truncated", Value: "true"} }

// AppendShared appends the whole lines of data, which lies in memory of b from
// [Batch.Buffer], to b, until it has MaxCut entries. It returns how many bytes they
// take with their line ends; the rest is for the next batch. Times are left zero.
//
// It is the loop that every line of a backlog goes through, so it does itself what
// Batch.AppendShared does for entries without time and attributes.
func (c Cutter) AppendShared(b *Batch, data []byte) (used int) {
	b.mustOwn("AppendShared")
	most := c.most()
	for len(b.Entries) < MaxCut {
		n := bytes.IndexByte(data[used:], '\n')
		if n < 0 {
			return used
		}
		line := data[used : used+n : used+n]
		used += n + 1
		if n > most {
			line, attrs := c.Trim(line)
			b.AppendShared(time.Time{}, line, attrs...)
			continue
		}
		if !c.KeepCR && n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if len(b.Entries) == cap(b.Entries) {
			b.Grow(max(16, len(b.Entries)))
		}
		b.Entries = append(b.Entries, Entry{Line: line})
	}
	return used
}

// Append is AppendShared for data that lies elsewhere: the lines are copied.
func (c Cutter) Append(b *Batch, data []byte) (used int) {
	for len(b.Entries) < MaxCut {
		n := bytes.IndexByte(data[used:], '\n')
		if n < 0 {
			return used
		}
		line, attrs := c.Trim(data[used : used+n])
		b.Append(time.Time{}, line, attrs...)
		used += n + 1
	}
	return used
}

// Trim returns the line and the attributes of the entry for line, which stands
// without its newline: a carriage return at its end, and what is beyond MaxLine,
// are left out.
func (c Cutter) Trim(line []byte) ([]byte, []Attr) {
	if n := len(line); !c.KeepCR && n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if most := c.most(); len(line) > most {
		return line[:most:most], []Attr{Truncated()}
	}
	return line, nil
}

// most is MaxLine, with what zero stands for.
func (c Cutter) most() int {
	if c.MaxLine <= 0 {
		return math.MaxInt
	}
	return c.MaxLine
}
