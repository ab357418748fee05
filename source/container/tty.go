package container

import (
	"bytes"
	"io"

	"github.com/logferry/logferry/source/record"
)

// terminal takes messages apart of a container that has a terminal. Nothing
// but the time in front of each tells where one begins: behind a line end, or
// behind pieceSize bytes without one, in the middle of a line.
//
// A line that is shorter and has no line end is followed by the next message
// all the same if its container was stopped within it and started again. The
// time of that is found by its form, and by being later than that of the line
// it stands in: a program that writes times in that form itself wrote them
// before the engine got them.
type terminal struct {
	input
	ended bool
	last  int64 // the time of the message before
}

func (t *terminal) fill() error {
	err := t.input.fill()
	t.ended = err == io.EOF
	return err
}

func (t *terminal) next() (frame, bool, error) {
	p := t.pending()
	if len(p) == 0 {
		return frame{}, false, nil
	}
	stamped, data, ok := t.stamps.take(p)
	if !ok {
		if len(p) < maxStamp && !t.ended {
			return frame{}, false, nil
		}
		// No piece of the size it should be came before: the text goes on.
		stamped, data = t.last, p
	}
	lead := len(p) - len(data)
	n, whole := t.length(data, stamped)
	if !whole {
		return frame{}, false, nil
	}
	t.from += lead + n
	t.last = stamped
	return frame{out: record.Stdout, time: stamped, data: data[:n]}, true, nil
}

// length is how many bytes of data belong to the message that begins it, and
// whether that is known.
func (t *terminal) length(data []byte, stamped int64) (n int, whole bool) {
	n = bytes.IndexByte(data[:min(len(data), pieceSize)], '\n') + 1
	line := n > 0
	if !line {
		n = min(len(data), pieceSize)
	}
	if m := t.interrupted(data[:n], stamped); m > 0 {
		return m, true
	}
	return n, line || n == pieceSize || t.ended
}

// interrupted is where in text the time of another message stands, 0 if none
// does.
func (t *terminal) interrupted(text []byte, stamped int64) int {
	for at := 0; ; {
		i := bytes.Index(text[at:], zuluSpace)
		if i < 0 {
			return 0
		}
		at += i + len(zuluSpace)
		begin := at - len(fixed)
		if begin <= 0 || text[begin+10] != 'T' {
			continue
		}
		var s stamps
		if other, _, ok := s.take(text[begin:]); ok && other > stamped {
			return begin
		}
	}
}

var zuluSpace = []byte("Z ")

// rest is what the log ends with, without a line end.
func (t *terminal) rest() (frame, bool) {
	f, ok, _ := t.next()
	return f, ok
}
