package record

import "bytes"

var (
	errCRITime   = notIn(CRI, "no time")
	errCRIStream = notIn(CRI, "no stream")
	errCRITag    = notIn(CRI, "no tag P or F")
)

// decodeCRI takes a line in format CRI apart. Some writers leave out the space
// before a text that is empty.
func decodeCRI(line []byte, l *Line) error {
	field, rest, _ := bytes.Cut(line, space)
	t, ok := ParseTime(field)
	if !ok {
		return errCRITime
	}
	field, rest, _ = bytes.Cut(rest, space)
	if l.Stream = streamOf(field); l.Stream == None {
		return errCRIStream
	}
	tags, text, _ := bytes.Cut(rest, space)
	if len(tags) == 0 || len(tags) > 1 && tags[1] != ':' {
		return errCRITag
	}
	switch tags[0] {
	case 'P':
		l.Partial = true
	case 'F':
	default:
		return errCRITag
	}
	l.Time, l.Text = t, text
	return nil
}

var space = []byte{' '}
