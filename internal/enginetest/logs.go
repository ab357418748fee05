package enginetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/logferry/logferry/internal/enginetest/chat"
)

// A Line is one line that the engine has of a container.
type Line struct {
	Output byte   // chat.Stdout or chat.Stderr; of a container with a tty always Stdout
	Text   []byte // without the newline
}

// piece is how much of a line the engine stores in one piece.
const piece = 16 << 10

// Logs returns what the engine retains of c's output at this time, as its API sends it: without timestamps, in frames
// unless c has a tty.
func (c *Container) Logs(t testing.TB) []byte {
	t.Helper()
	return c.e.must(t, request{method: http.MethodGet, path: c.path() + "/logs", good: []int{http.StatusOK},
		query: url.Values{"stdout": {"1"}, "stderr": {"1"}}})
}

// Retained returns the lines of what Logs returns, of each output in its order. With the local driver of engine 20.10 and
// a tty, a line over 16 KiB cannot be told from the next: it stores no newline there.
func (c *Container) Retained(t testing.TB) []Line {
	t.Helper()
	raw := c.Logs(t)
	if c.tty {
		return terminal(raw)
	}
	lines, err := split(raw)
	if err != nil {
		t.Fatalf("enginetest: engine %s: the log of %s: %v", c.e.version, c.ID, err)
	}
	return lines
}

// terminal returns the lines of a container with a tty.
func terminal(raw []byte) (lines []Line) {
	for text := range bytes.Lines(raw) {
		text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
		lines = append(lines, Line{Output: chat.Stdout, Text: text})
	}
	return lines
}

// split takes frames apart and joins their payloads to lines. A line ends at a newline, and at a piece that is shorter
// than all but a last one: not every driver of every engine stores the newline of a line in pieces.
func split(raw []byte) (lines []Line, err error) {
	var open [2][]byte
	end := func(out int) {
		lines = append(lines, Line{Output: [...]byte{chat.Stdout, chat.Stderr}[out], Text: bytes.TrimSuffix(open[out], []byte("\n"))})
		open[out] = nil
	}
	for len(raw) > 0 {
		// attach in the API's reference: one byte for the output, three zeros, the length in four.
		if len(raw) < 8 || raw[0] != 1 && raw[0] != 2 || raw[1]|raw[2]|raw[3] != 0 {
			return lines, fmt.Errorf("no frame at %.20q", raw)
		}
		out, size := int(raw[0]-1), int(binary.BigEndian.Uint32(raw[4:8]))
		raw = raw[8:]
		if size > len(raw) {
			return lines, fmt.Errorf("a frame of %d bytes with %d", size, len(raw))
		}
		payload := raw[:size]
		raw = raw[size:]
		open[out] = append(open[out], payload...)
		if bytes.HasSuffix(payload, []byte("\n")) || size < piece {
			end(out)
		}
	}
	for out := range open {
		if open[out] != nil {
			end(out)
		}
	}
	return lines, nil
}
