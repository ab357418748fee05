package record

import (
	"errors"
	"fmt"

	"github.com/logferry/logferry/batch"
)

// A Format is what each line of a log is wrapped in. The zero Format is
// [Plain].
type Format uint8

const (
	// Plain lines are wrapped in nothing.
	Plain Format = iota
	// DockerJSON is what Docker's json-file driver writes, one object per line:
	//
	//	{"log":"text\n","stream":"stdout","attrs":{"tag":"x"},"time":"2006-01-02T15:04:05.999999999Z"}
	//
	// A log that does not end in a newline is one piece of a longer line, which
	// Docker cuts at 16 KiB. Fields may come in any order, only log is needed,
	// and unknown ones are ignored.
	// See https://docs.docker.com/engine/logging/drivers/json-file/ and
	// daemon/logger/jsonfilelog/jsonlog of github.com/moby/moby.
	DockerJSON
	// CRI is what containerd and CRI-O write for Kubernetes:
	//
	//	2006-01-02T15:04:05.999999999Z stdout F text
	//
	// where P in place of F says that the line goes on in the next one. More
	// tags may follow after colons; they are ignored.
	// See "CRI: Log management" in the design proposals of
	// github.com/kubernetes/design-proposals-archive.
	CRI
)

// String is "plain", "docker-json" or "cri".
func (f Format) String() string {
	switch f {
	case Plain:
		return "plain"
	case DockerJSON:
		return "docker-json"
	case CRI:
		return "cri"
	default:
		return fmt.Sprintf("Format(%d)", uint8(f))
	}
}

// Valid reports whether f is one of the formats of this package.
func (f Format) Valid() bool { return f <= CRI }

// ErrFormat is in the chain of every error of [Decoder.Decode]: the line is not
// in the decoder's format.
var ErrFormat = errors.New("record: line is not in the format")

// notIn says what of a format a line lacks. The errors of Decode are values
// made once: a file in the wrong format must not cost an allocation per line.
func notIn(f Format, what string) error {
	return fmt.Errorf("%w %v: %s", ErrFormat, f, what)
}

// A Decoder takes lines out of their format. It belongs to one goroutine; its
// memory is used again by each call.
type Decoder struct {
	format Format
	text   []byte // what was unquoted

	// The attributes of a container are the same in all its lines.
	attrsText []byte
	attrs     []batch.Attr
}

// NewDecoder returns a Decoder for lines in format f. It panics if f is not
// [Format.Valid].
func NewDecoder(f Format) *Decoder {
	if !f.Valid() {
		panic("record: NewDecoder: " + f.String())
	}
	return &Decoder{format: f}
}

// Decode sets *l to what line, which has no line end, holds. If line is not in
// the format, the error wraps [ErrFormat] and *l is line itself as a Plain one,
// so that it can be delivered all the same.
//
// l.Text is valid until the next call and as long as line is; it allocates
// nothing but what makes room for the longest text so far, and attributes that
// differ from those of the line before.
func (d *Decoder) Decode(line []byte, l *Line) error {
	var err error
	*l = Line{}
	switch d.format {
	case DockerJSON:
		err = d.docker(line, l)
	case CRI:
		err = decodeCRI(line, l)
	default:
		l.Text = line
	}
	if err != nil {
		*l = Line{Text: line}
	}
	return err
}
