package container

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/logferry/logferry/source/record"
)

// A frame is one message of a log as the engine sends it: a line with its line
// end, a line without, or a piece of one.
type frame struct {
	out  record.Stream
	time int64  // when the engine got it, in ns of Unix time
	data []byte // valid until the next call of its framer
}

const (
	// pieceSize is how much of a line the engine puts into one message: a
	// message that is as long and has no line end is a piece of a longer line
	// (bufSize of moby's daemon/logger/copier.go).
	pieceSize = 16 << 10
	// maxFrame bounds a message. Those of the drivers that can be read are of
	// pieceSize and a time at most, but for journald, which has what others
	// wrote.
	maxFrame = 1 << 20
	// readSize is how much is read at once, at the least if it is there.
	readSize = 64 << 10
)

// A framer takes messages out of what the engine sends. The caller reads with
// fill whenever next has no more.
type framer interface {
	// next returns the next message; false if it has not been read yet.
	next() (frame, bool, error)
	// fill reads more: the one place that waits. io.EOF: the log has ended here.
	fill() error
	// rest returns what is left once fill has returned io.EOF: a last message
	// that only the end of the log completes. false: nothing is.
	rest() (frame, bool)
	// taken is how many bytes were read so far.
	taken() int64
}

func newFramer(body io.Reader, tty bool) framer {
	if tty {
		return &terminal{input: input{body: body}}
	}
	return &muxed{input: input{body: body}}
}

var errFraming = errors.New("the engine's log stream is damaged")

// input is what was read and not taken yet: buf[from:to].
type input struct {
	body     io.Reader
	buf      []byte
	from, to int
	total    int64
	stamps   stamps
}

func (in *input) pending() []byte { return in.buf[in.from:in.to] }

func (in *input) taken() int64 { return in.total }

// fill reads what there is, and at least one byte unless it fails.
func (in *input) fill() error {
	if in.from == in.to {
		in.from, in.to = 0, 0
	} else if in.to == len(in.buf) || in.from > len(in.buf)/2 {
		in.to = copy(in.buf, in.buf[in.from:in.to])
		in.from = 0
	}
	if in.to == len(in.buf) {
		buf := make([]byte, max(readSize, 2*len(in.buf)))
		copy(buf, in.buf[:in.to])
		in.buf = buf
	}
	n, err := io.ReadAtLeast(in.body, in.buf[in.to:], 1)
	in.to += n
	in.total += int64(n)
	return err
}

// muxed takes messages apart that have a header each: a byte for the output,
// three that are 0, and the length of what follows, big-endian. See
// ContainerAttach in the description of the engine's API.
type muxed struct{ input }

const (
	headerSize = 8
	outOfBand  = 3 // an error of the engine itself: stdcopy.Systemerr of moby
)

func (m *muxed) next() (frame, bool, error) {
	p := m.pending()
	if len(p) < headerSize {
		return frame{}, false, nil
	}
	size := binary.BigEndian.Uint32(p[4:])
	if p[0] > outOfBand || p[1]|p[2]|p[3] != 0 || size > maxFrame {
		return frame{}, false, fmt.Errorf("%w: a header of %x", errFraming, p[:headerSize])
	}
	end := headerSize + int(size)
	if len(p) < end {
		return frame{}, false, nil
	}
	m.from += end
	if p[0] == outOfBand {
		return frame{}, false, errorSaid(p[headerSize:min(end, headerSize+maxSaid)])
	}
	t, data, ok := m.stamps.take(p[headerSize:end])
	if !ok {
		return frame{}, false, fmt.Errorf("%w: a message without a time", errFraming)
	}
	f := frame{out: record.Stdout, time: t, data: data}
	if p[0] == 2 {
		f.out = record.Stderr
	}
	return f, true, nil
}

// maxSaid is how much of what an engine says is repeated.
const maxSaid = 256

// errorSaid is an error that an engine has put into a log.
func errorSaid(text []byte) error {
	return fmt.Errorf("the engine says in the log stream: %q", strings.ToValidUTF8(string(text), "\uFFFD"))
}

// rest finds nothing: a message is whole or damaged.
func (m *muxed) rest() (frame, bool) { return frame{}, false }

// fill of a message that has been begun must not end in the middle of it.
func (m *muxed) fill() error {
	err := m.input.fill()
	if err == io.EOF && m.from < m.to {
		return io.ErrUnexpectedEOF
	}
	return err
}
