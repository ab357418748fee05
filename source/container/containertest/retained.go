package containertest

import (
	"bytes"
	"time"
)

// A Line is one that an engine retains.
type Line struct {
	Time   time.Time // that of its first piece
	Output Output
	Text   []byte // without what ends it; not to be changed
	// Torn says that the beginning is not retained any more: a rotation dropped the
	// file it was in.
	Torn bool
	// Unended says that the container ended before it wrote a newline.
	Unended bool
}

// Retained returns the whole lines that the engine still has of a container, in
// the order of its log, lines in pieces at the place of their last piece. Not
// among them is what has no end yet. A test compares it with what was delivered:
// nothing of it may be missing, or be there twice.
func (c *Container) Retained() []Line {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	var lines []Line
	open := map[Output]*Line{}
	for _, r := range c.log.retained() {
		l := open[r.out]
		if l == nil {
			l = &Line{Time: r.at, Output: r.out, Torn: r.piece > 1}
			open[r.out] = l
		}
		l.Text = append(l.Text, r.line(c.spec.Tty)...)
		if r.ends || r.last {
			l.Unended = !r.ends
			lines = append(lines, *l)
			delete(open, r.out)
		}
	}
	return lines
}

// line returns what the message holds of a line.
func (r *record) line(tty bool) []byte {
	if !r.ends {
		return r.text
	}
	text := bytes.TrimSuffix(r.text, []byte("\n"))
	if tty {
		text = bytes.TrimSuffix(text, []byte("\r"))
	}
	return text
}
