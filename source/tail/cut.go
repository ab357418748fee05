package tail

import (
	"bytes"
	"time"

	"github.com/logferry/logferry/batch"
)

// A cutter makes entries of lines.
type cutter struct {
	maxLine int
	keepCR  bool
}

// maxEntries bounds the entries of one batch: the headers of very short lines
// take far more memory than the lines.
const maxEntries = 4096

// truncated marks a line that was longer than Config.MaxLine.
var truncated = batch.Attr{Key: "truncated", Value: "true"}

// shared appends the whole lines of data, which lies in memory of b, and
// returns how many bytes they take with their ends. It is the loop that every
// line of a backlog goes through, so it does itself what Batch.AppendShared
// does for entries without time and attributes.
func (c *cutter) shared(b *batch.Batch, data []byte) (used int) {
	for len(b.Entries) < maxEntries {
		n := bytes.IndexByte(data[used:], '\n')
		if n < 0 {
			return used
		}
		line := data[used : used+n : used+n]
		used += n + 1
		if n > c.maxLine {
			line, attrs := c.trim(line)
			b.AppendShared(time.Time{}, line, attrs...)
			continue
		}
		if !c.keepCR && n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if len(b.Entries) == cap(b.Entries) {
			b.Grow(max(16, len(b.Entries)))
		}
		b.Entries = append(b.Entries, batch.Entry{Line: line})
	}
	return used
}

// copied is shared for data that lies elsewhere.
func (c *cutter) copied(b *batch.Batch, data []byte) (used int) {
	for len(b.Entries) < maxEntries {
		n := bytes.IndexByte(data[used:], '\n')
		if n < 0 {
			return used
		}
		line, attrs := c.trim(data[used : used+n])
		b.Append(time.Time{}, line, attrs...)
		used += n + 1
	}
	return used
}

// trim makes a line of what stands before a line end.
func (c *cutter) trim(line []byte) ([]byte, []batch.Attr) {
	if n := len(line); !c.keepCR && n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if len(line) > c.maxLine {
		return line[:c.maxLine:c.maxLine], []batch.Attr{truncated}
	}
	return line, nil
}

// nuls is how many NUL bytes data begins with. A file that is truncated while
// its writer keeps its position, having opened it without O_APPEND, begins with
// a hole; no log line does.
func nuls(data []byte) int {
	for i, c := range data {
		if c != 0 {
			return i
		}
	}
	return len(data)
}
