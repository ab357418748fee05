package record

import (
	"time"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
)

// A Stream is the output a line was written to. Lines of different streams are
// never joined. The zero Stream is [None].
type Stream uint8

const (
	// None is the stream of lines that do not say: those of a plain file.
	None Stream = iota
	// Stdout is the standard output of a container.
	Stdout
	// Stderr is its standard error output.
	Stderr

	streams // how many there are
)

// String is "stdout", "stderr", or "" for None.
func (s Stream) String() string {
	switch s {
	case Stdout:
		return "stdout"
	case Stderr:
		return "stderr"
	default:
		return ""
	}
}

// streamOf is the stream that a container runtime calls name.
func streamOf(name []byte) Stream {
	switch string(name) {
	case "stdout":
		return Stdout
	case "stderr":
		return Stderr
	default:
		return None
	}
}

// A Line is one line of a log, taken out of what it was wrapped in. It is a
// plain value and belongs to whoever has it; what Text and Attrs point to is
// another matter.
type Line struct {
	// Time is when the line was written, in UTC; zero if it does not say.
	Time time.Time
	// Stream is what it was written to.
	Stream Stream
	// Partial says that more of the same line follows, without a line end in
	// between, in the next Line of the same Stream.
	Partial bool
	// Truncated says that a part of Text was left out.
	Truncated bool
	// Text is the line without its line end. Any bytes may occur in it. It
	// points into what was decoded, or into memory of the [Decoder] that is
	// used again by its next call.
	Text []byte
	// Attrs is what else is known. It is never changed, and may be shared by
	// many lines.
	Attrs []batch.Attr
}

// Cut returns the first max bytes of text, or up to three less, so that no
// UTF-8 sequence is cut in two. Text that is not UTF-8 is cut at max. A text
// that is no longer than max is returned as it is.
func Cut(text []byte, max int) []byte {
	if len(text) <= max {
		return text
	}
	n := CutAt(text, max)
	return text[:n:n]
}

// CutAt is how many bytes [Cut] leaves of a text.
func CutAt[T string | []byte](text T, max int) int {
	if len(text) <= max {
		return len(text)
	}
	for n := max; n > 0 && n > max-utf8.UTFMax; n-- {
		if utf8.RuneStart(text[n]) {
			return n
		}
	}
	return max
}
