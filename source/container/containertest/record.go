package containertest

import (
	"time"
	"unicode/utf8"
)

// An Output is what a container writes to: the number that stands for it in the
// header of a frame.
type Output byte

const (
	// Stdout is the standard output, and all that goes to a terminal.
	Stdout Output = 1
	// Stderr is the standard error output.
	Stderr Output = 2
)

// String returns the name that the API has for it.
func (o Output) String() string {
	if o == Stderr {
		return "stderr"
	}
	return "stdout"
}

// A record is one message of a log: a line, or a piece of a long one.
type record struct {
	at    time.Time
	out   Output
	text  []byte // as it is read back
	piece int    // which one of a line that is in pieces, from 1; 0: the whole line
	ends  bool   // the line ends here, by a newline
	last  bool   // the container ended here, its line unfinished
	size  int64  // of the entry on disk
}

// A driver is the way in which an engine keeps logs.
type driver struct {
	gen  Generation
	name string
	zone *time.Location
}

// reads reports whether its logs can be read. What cannot be read at the place it
// is sent to is kept by the engine as well, in the manner of local.
func (d driver) reads(noCache bool) bool {
	switch d.name {
	case "none":
		return false
	case "json-file", "local", "journald":
		return true
	}
	return !noCache
}

// json reports whether the log is one of JSON.
func (d driver) json() bool { return d.name == "json-file" }

// finish fills in what the driver makes of what the container wrote.
func (d driver) finish(r *record, line []byte) {
	newline := r.ends && (r.piece == 0 || d.json() || d.gen != Gen20)
	if d.json() {
		// A character that was cut in two between pieces is not one any more.
		r.text = validUTF8(line)
	} else {
		r.text = append(make([]byte, 0, len(line)+1), line...)
		if d.gen == Gen20 && d.zone != nil {
			r.at = r.at.In(d.zone)
		}
	}
	if d.json() {
		r.size = jsonSize(r, line, newline)
	} else {
		r.size = localSize(r, line)
	}
	if newline {
		r.text = append(r.text, '\n')
	}
}

// validUTF8 returns a copy of line in which each byte that is not part of a
// character is replaced, as the JSON of the log cannot hold it.
func validUTF8(line []byte) []byte {
	text := make([]byte, 0, len(line)+1)
	for len(line) > 0 {
		r, n := utf8.DecodeRune(line)
		if r == utf8.RuneError && n == 1 {
			text = utf8.AppendRune(text, utf8.RuneError)
		} else {
			text = append(text, line[:n]...)
		}
		line = line[n:]
	}
	return text
}

// jsonSize returns the length of an entry of json-file:
//
//	{"log":"…\n","stream":"stdout","time":"2006-01-02T15:04:05.999999999Z"}
func jsonSize(r *record, line []byte, newline bool) int64 {
	n := len(`{"stream":"stdout","time":""}`) + len("\n") + len(r.at.Format(time.RFC3339Nano))
	if len(line) > 0 || newline {
		n += len(`"log":"",`)
	}
	if newline {
		n += len(`\n`)
	}
	for len(line) > 0 {
		c, size := utf8.DecodeRune(line)
		switch {
		case c == '\\' || c == '"' || c == '\n' || c == '\r':
			n += 2
		case c < 0x20 || c == '<' || c == '>' || c == '&', c == '\u2028' || c == '\u2029', c == utf8.RuneError && size == 1:
			n += len(`\u0000`)
		default:
			n += size
		}
		line = line[size:]
	}
	return int64(n)
}

// localSize returns the length of an entry of local: the protocol buffer
// LogEntry between two lengths of four bytes.
func localSize(r *record, line []byte) int64 {
	n := 1 + 1 + len(r.out.String()) + 1 + varint(uint64(r.at.UnixNano()))
	if len(line) > 0 {
		n += 1 + varint(uint64(len(line))) + len(line)
	}
	if r.piece > 0 {
		const id = 64
		partial := 1 + 1 + id + 1 + varint(uint64(r.piece))
		if r.ends {
			partial += 2
		}
		n += 2 + 1 + varint(uint64(partial)) + partial
	}
	return int64(n + 8)
}

// varint returns the length of v as a varint.
func varint(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// pieceSize is how long a line may be before the engine logs it in pieces.
const pieceSize = 16 << 10

// stamp is the form of a time before a message: RFC 3339 with all nine digits.
const stamp = "2006-01-02T15:04:05.000000000Z07:00"

// frame appends a message to b as it is sent, which an empty one without a time is
// not.
func (r *record) frame(b []byte, tty, stamped bool) []byte {
	if len(r.text) == 0 && !stamped {
		return b
	}
	start := len(b)
	if !tty {
		b = append(b, byte(r.out), 0, 0, 0, 0, 0, 0, 0)
	}
	if stamped {
		b = append(r.at.AppendFormat(b, stamp), ' ')
	}
	b = append(b, r.text...)
	if n := len(b) - start - 8; !tty {
		b[start+4], b[start+5], b[start+6], b[start+7] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	}
	return b
}
