package enginetest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

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
	return c.logs(t, "0")
}

func (c *Container) logs(t testing.TB, timestamps string) []byte {
	t.Helper()
	return c.e.must(t, request{method: http.MethodGet, path: c.path() + "/logs", good: []int{http.StatusOK},
		query: url.Values{"stdout": {"1"}, "stderr": {"1"}, "timestamps": {timestamps}}})
}

// Retained returns the lines that the engine retains at this time, those of each output in their order. With the local
// driver of engine 20.10 and a tty, a line over 16 KiB cannot be told from the next: it stores no newline there.
func (c *Container) Retained(t testing.TB) []Line {
	t.Helper()
	// With timestamps, since an empty piece has no frame without one.
	read, timestamps := split, "1"
	if c.tty {
		read, timestamps = terminal, "0"
	}
	var lines []Line
	err := errSaid
	for try := 0; errors.Is(err, errSaid) && try < tries; try++ {
		time.Sleep(time.Duration(try) * trial)
		lines, err = read(c.logs(t, timestamps))
	}
	if err != nil {
		t.Fatalf("enginetest: engine %s: the log of %s: %v", c.e.version, c.ID, err)
	}
	return lines
}

// Engine 20.10 now and then fails to read a log of the local driver that is rotated, shortly after its container has
// ended, with "log message is too large"; when it is asked again it does not. It is asked so many times, after pauses that
// grow by so much.
const (
	tries = 10
	trial = 100 * time.Millisecond
)

// errSaid says that the engine has put an error of its own into a log.
var errSaid = errors.New("the engine says")

// grabbing is how what the engine says begins where there are no frames to tell it from text. No script writes it.
var grabbing = []byte("Error grabbing logs: ")

// terminal returns the lines of a container with a tty.
func terminal(raw []byte) (lines []Line, err error) {
	if i := bytes.Index(raw, grabbing); i >= 0 {
		return nil, fmt.Errorf("%w %.200q", errSaid, raw[i:])
	}
	for text := range bytes.Lines(raw) {
		text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
		lines = append(lines, Line{Output: chat.Stdout, Text: text})
	}
	return lines, nil
}

// split takes frames apart and joins what follows the timestamps to lines. A line ends at a newline, and at a piece that
// is shorter than all but a last one: the local driver of engine 20.10 stores no newline of a line in pieces, but an empty
// piece if it has to.
func split(raw []byte) (lines []Line, err error) {
	var open [2][]byte
	end := func(out int) {
		lines = append(lines, Line{Output: [...]byte{chat.Stdout, chat.Stderr}[out], Text: bytes.TrimSuffix(open[out], []byte("\n"))})
		open[out] = nil
	}
	for len(raw) > 0 {
		if len(raw) > 8 && raw[0] == 3 {
			return lines, fmt.Errorf("%w %.200q", errSaid, raw[8:])
		}
		// attach in the API's reference: one byte for the output, three zeros, the length in four.
		if len(raw) < 8 || raw[0] != 1 && raw[0] != 2 || raw[1]|raw[2]|raw[3] != 0 {
			return lines, fmt.Errorf("no frame at %.200q", raw)
		}
		out, size := int(raw[0]-1), int(binary.BigEndian.Uint32(raw[4:8]))
		raw = raw[8:]
		if size > len(raw) {
			return lines, fmt.Errorf("a frame of %d bytes with %d", size, len(raw))
		}
		_, text, ok := bytes.Cut(raw[:size], []byte(" "))
		if !ok {
			return lines, fmt.Errorf("no timestamp in %.40q", raw[:size])
		}
		raw = raw[size:]
		open[out] = append(open[out], text...)
		if bytes.HasSuffix(text, []byte("\n")) || len(text) < piece {
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
