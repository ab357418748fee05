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
		if bytes.HasPrefix(p, grabbing) {
			return frame{}, false, errorSaid(p[:min(len(p), maxSaid)])
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

// grabbing is how an error of the engine itself begins, which has no time in
// front of it and, without headers, nothing else to tell it from text
// (WriteLogStream of moby's api/server/httputils).
var grabbing = []byte("Error grabbing logs: ")

// length is how many bytes of data belong to the message that begins it, and
// whether that is known.
func (t *terminal) length(data []byte, stamped int64) (n int, whole bool) {
	n = bytes.IndexByte(data[:min(len(data), pieceSize)], '\n') + 1
	line := n > 0
	if !line {
		n = min(len(data), pieceSize)
	}
	if m := t.interrupted(data[:n], stamped+1); m > 0 {
		return m, true
	}
	if !line && n == pieceSize {
		return t.piece(data, stamped)
	}
	return n, line || t.ended
}

// piece is length for a message that has no line end in its first pieceSize
// bytes. It goes on if bytes of it were no UTF-8, for each of which json-file
// stores U+FFFD, and ends with its line, or where its time is repeated.
func (t *terminal) piece(data []byte, stamped int64) (n int, whole bool) {
	reach := pieceSize // where it ends if each U+FFFD was one byte
	for last := 0; last != reach; {
		last = reach
		begun := data[:min(len(data), last+len(replacement)-1)] // with one that begins in front of last
		reach = min(len(data), pieceSize+(len(replacement)-1)*bytes.Count(begun, replacement))
	}
	if reach == pieceSize {
		more := len(data) < pieceSize+len(replacement)-1 && beginsReplacement(data[:pieceSize])
		return pieceSize, t.ended || !more
	}
	text := data[:min(len(data), reach+len(fixed))]
	end := bytes.IndexByte(text[pieceSize:], '\n') + 1
	if end > 0 {
		text = text[:pieceSize+end]
	}
	if m := t.interrupted(text[pieceSize-1:], stamped); m > 0 {
		return pieceSize - 1 + m, true
	}
	switch {
	case end > 0:
		return len(text), true
	case len(text) == reach+len(fixed):
		return pieceSize, true // no U+FFFD was anything else
	default:
		return len(text), t.ended
	}
}

var replacement = []byte("\uFFFD")

// beginsReplacement reports whether text ends within what may be a U+FFFD.
func beginsReplacement(text []byte) bool {
	return bytes.HasSuffix(text, replacement[:1]) || bytes.HasSuffix(text, replacement[:2])
}

// interrupted is where in text the time of another message stands that is not
// before the given one, 0 if none does.
func (t *terminal) interrupted(text []byte, from int64) int {
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
		if other, _, ok := s.take(text[begin:]); ok && other >= from {
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
