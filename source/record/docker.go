package record

import (
	"bytes"
	"encoding/json"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/jsonscan"
)

var (
	errDockerJSON  = notIn(DockerJSON, "not a JSON object")
	errDockerLog   = notIn(DockerJSON, "no field log that is a string")
	errDockerTime  = notIn(DockerJSON, "the field time is not a time")
	errDockerAttrs = notIn(DockerJSON, "the field attrs is not an object of strings")
)

// docker takes a line in format DockerJSON apart. It looks at each byte about
// once; what a string holds is copied only if there is an escape in it, other
// than the newline at its end.
func (d *Decoder) docker(line []byte, l *Line) error {
	s := jsonscan.Scan{Rest: line}
	if !s.Take('{') {
		return errDockerJSON
	}
	for more := !s.Take('}'); more; {
		key, ok := s.Quoted()
		if !ok || !s.Take(':') {
			return errDockerJSON
		}
		name, ok := plain(key)
		if !ok {
			return errDockerJSON
		}
		if err := d.field(name, &s, l); err != nil {
			return err
		}
		if more = s.Take(','); !more && !s.Take('}') {
			return errDockerJSON
		}
	}
	if !s.End() {
		return errDockerJSON
	}
	if l.Text == nil {
		return errDockerLog
	}
	return nil
}

// field reads the value of one field.
func (d *Decoder) field(name []byte, s *jsonscan.Scan, l *Line) error {
	text, ok := s.Value()
	if !ok {
		return errDockerJSON
	}
	quoted, isString := jsonscan.Inside(text)
	switch string(name) {
	case "log":
		if !isString {
			return errDockerLog
		}
		if !d.log(quoted, l) {
			return errDockerJSON
		}
	case "stream":
		name, ok := plain(quoted)
		if !ok || !isString && !json.Valid(text) {
			return errDockerJSON
		}
		l.Stream = streamOf(name)
	case "time":
		stamp, ok := plain(quoted)
		if l.Time, isString = ParseTime(stamp); !ok || !isString {
			return errDockerTime
		}
	case "attrs":
		if l.Attrs, ok = d.attributes(text); !ok {
			return errDockerAttrs
		}
	default:
		if !json.Valid(text) {
			return errDockerJSON
		}
	}
	return nil
}

// plain is what quoted stands for. Nobody escapes anything in the names and
// short values it is used for, but one might.
func plain(quoted []byte) (text []byte, ok bool) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted, true
	}
	return jsonscan.Unquote(nil, quoted)
}

// log makes a line of what stands between the quotes of the field log.
func (d *Decoder) log(quoted []byte, l *Line) bool {
	at := bytes.IndexByte(quoted, '\\')
	switch {
	case at < 0:
		l.Text, l.Partial = quoted, true
		return true
	case at == len(quoted)-2 && quoted[at+1] == 'n':
		l.Text, l.Partial = quoted[:at:at], false
		return true
	}
	var ok bool
	d.text, ok = jsonscan.Unquote(append(d.text[:0], quoted[:at]...), quoted[at:])
	text, whole := bytes.CutSuffix(d.text, newline)
	l.Text, l.Partial = text[:len(text):len(text)], !whole
	return ok
}

var newline = []byte{'\n'}

// attributes reads the field attrs. As a rule it is that of the line before.
func (d *Decoder) attributes(text []byte) ([]batch.Attr, bool) {
	if len(text) > 0 && bytes.Equal(text, d.attrsText) {
		return d.attrs, true
	}
	if string(text) == "null" {
		return nil, true
	}
	if !json.Valid(text) {
		return nil, false
	}
	s := jsonscan.Scan{Rest: text}
	if !s.Take('{') {
		return nil, false
	}
	var attrs []batch.Attr
	for more := !s.Take('}'); more; more = s.Take(',') {
		key, _ := s.Quoted()
		s.Take(':')
		value, _ := s.Value()
		quoted, ok := jsonscan.Inside(value)
		if !ok {
			return nil, false
		}
		attrs = append(attrs, batch.Attr{Key: clean(key), Value: clean(quoted)})
	}
	d.attrsText, d.attrs = bytes.Clone(text), attrs
	return attrs, true
}

// clean is what quoted stands for, as a string that is UTF-8.
func clean(quoted []byte) string {
	text, _ := plain(quoted)
	return string(bytes.ToValidUTF8(text, replacement))
}

var replacement = []byte("\uFFFD")
