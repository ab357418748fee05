package file

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/jsontext"
	"github.com/logferry/logferry/internal/template"
)

// A Format says how an entry is written. Each is one line of the file, whatever is in it.
type Format int

const (
	// Raw writes the line of an entry as it is. A newline within it, which would make two lines of it, is written as a
	// backslash and an n; all other bytes stay as they are, those of terminals' escape sequences too. So do backslashes:
	// lines of JSON remain JSON, but a newline cannot be told from a backslash and an n that were in the line. JSON is for
	// what is to be read back as it was.
	Raw Format = iota
	// JSON writes an object:
	//
	//	{"time":"2026-01-02T15:04:05.123456789Z","line":"text","labels":{"app":"shop"},"attrs":{"trace_id":"1"}}
	//
	// What is empty is left out, but for line. A line that is not UTF-8 is in the member base64 instead; elsewhere what
	// is not UTF-8 becomes U+FFFD. Attributes keep their order, and may repeat a name.
	JSON
)

// A lineRule writes entries as lines. It is read-only.
type lineRule struct {
	format Format
	pieces []template.Piece // of a template; nil: by format
	loc    *time.Location
}

// newTemplate compiles a template for lines.
func newTemplate(text string, loc *time.Location) (*lineRule, error) {
	if strings.Contains(text, "\n") {
		return nil, errors.New("has a newline, which would make two lines of one entry")
	}
	pieces, err := template.Parse(text)
	if err != nil {
		return nil, err
	}
	for i, p := range pieces {
		switch {
		case p.Verb == "", p.Verb == "attr" && p.Arg != "":
		case p.Verb == "time":
			if p.Arg == "" {
				pieces[i].Arg = time.RFC3339Nano
			}
		case (p.Verb == "line" || p.Verb == "labels" || p.Verb == "attrs") && p.Arg == "":
		default:
			label, err := labelOf(p)
			if err != nil {
				return nil, err
			}
			pieces[i] = template.Piece{Verb: "label", Arg: label}
		}
	}
	return &lineRule{pieces: pieces, loc: loc}, nil
}

// append appends e, which has the labels l, and a newline.
func (r *lineRule) append(dst []byte, e *batch.Entry, l *labelSet) []byte {
	switch {
	case r.pieces != nil:
		dst = r.appendTemplate(dst, e, l)
	case r.format == JSON:
		dst = r.appendJSON(dst, e, l)
	case bytes.IndexByte(e.Line, '\n') < 0: // what nearly every line is takes no detour
		dst = append(dst, e.Line...)
	default:
		dst = appendFramed(dst, e.Line)
	}
	return append(dst, '\n')
}

// appendFramed appends text with its newlines escaped.
func appendFramed[T string | []byte](dst []byte, text T) []byte {
	start := len(dst)
	dst = append(dst, text...)
	if bytes.IndexByte(dst[start:], '\n') < 0 {
		return dst
	}
	dst = dst[:start]
	from := 0
	for i := range len(text) {
		if text[i] == '\n' {
			dst = append(append(dst, text[from:i]...), '\\', 'n')
			from = i + 1
		}
	}
	return append(dst, text[from:]...)
}

func (r *lineRule) appendJSON(dst []byte, e *batch.Entry, l *labelSet) []byte {
	dst = append(dst, '{')
	if !e.Time.IsZero() {
		dst = append(dst, `"time":"`...)
		dst = e.Time.In(r.loc).AppendFormat(dst, time.RFC3339Nano)
		dst = append(dst, `",`...)
	}
	if utf8.Valid(e.Line) {
		dst = append(dst, `"line":`...)
		dst = jsontext.AppendString(dst, e.Line, "\uFFFD")
	} else {
		dst = append(dst, `"base64":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, e.Line)
		dst = append(dst, '"')
	}
	dst = append(dst, l.json...)
	if len(e.Attrs) > 0 {
		dst = append(dst, `,"attrs":`...)
		dst = appendAttrs(dst, e.Attrs)
	}
	return append(dst, '}')
}

func appendPair(dst []byte, key, value string) []byte {
	dst = jsontext.AppendString(dst, key, "\uFFFD")
	dst = append(dst, ':')
	return jsontext.AppendString(dst, value, "\uFFFD")
}

func (r *lineRule) appendTemplate(dst []byte, e *batch.Entry, l *labelSet) []byte {
	for i := range r.pieces {
		switch p := &r.pieces[i]; p.Verb {
		case "":
			dst = append(dst, p.Text...)
		case "time":
			if !e.Time.IsZero() {
				dst = e.Time.In(r.loc).AppendFormat(dst, p.Arg)
			}
		case "line":
			dst = appendFramed(dst, e.Line)
		case "label":
			dst = appendFramed(dst, l.labels.Get(p.Arg))
		case "labels":
			dst = append(dst, l.text...)
		case "attr":
			dst = appendAttr(dst, e.Attrs, p.Arg)
		case "attrs":
			dst = appendAttrs(dst, e.Attrs)
		}
	}
	return dst
}

// appendAttr appends the value of the first attribute of that name.
func appendAttr(dst []byte, attrs []batch.Attr, key string) []byte {
	for i := range attrs {
		if attrs[i].Key == key {
			return appendFramed(dst, attrs[i].Value)
		}
	}
	return dst
}

// appendAttrs appends attributes as a JSON object, so that whatever is in them can be told apart.
func appendAttrs(dst []byte, attrs []batch.Attr) []byte {
	dst = append(dst, '{')
	for i := range attrs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendPair(dst, attrs[i].Key, attrs[i].Value)
	}
	return append(dst, '}')
}

// A labelSet is what is known of entries with the same labels.
type labelSet struct {
	labels batch.Labels
	json   []byte // ,"labels":{...}
	text   string // as batch.Labels.String has it, which escapes control characters
}

func newLabelSet(l batch.Labels) *labelSet {
	s := &labelSet{labels: l, text: l.String()}
	for name, value := range l.All() {
		if s.json == nil {
			s.json = append(s.json, `,"labels":{`...)
		} else {
			s.json = append(s.json, ',')
		}
		s.json = appendPair(s.json, name, value)
	}
	if s.json != nil {
		s.json = append(s.json, '}')
	}
	return s
}

// validFormat is for Config.
func validFormat(f Format) error {
	if f != Raw && f != JSON {
		return fmt.Errorf("%d is none", int(f))
	}
	return nil
}
