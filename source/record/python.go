package record

import "bytes"

// Python joins the tracebacks of Python:
//
//	Traceback (most recent call last):
//	  File "shop.py", line 42, in open
//	    drawer.pull()
//	OSError: no such drawer
//
//	During handling of the above exception, another exception occurred:
//
//	Traceback (most recent call last):
//	  ...
//	RuntimeError: cannot
//
// A traceback ends with the line that names its exception, which is not
// indented, and what is indented behind that; one empty line belongs to it as
// well, as another traceback may follow. Exception groups are joined too. The
// second line of a message that has several is not told from another line.
//
// The forms are those of the module traceback of Python's standard library.
func Python() Rule { return Rule{func() machine { return new(python) }} }

// python is what a traceback is waiting for.
type python uint8

const (
	pyFrames python = iota // frames, and the exception
	pyGroup                // frames of a group, whose exception is indented
	pyEnd                  // nothing, but another traceback may follow
	pyGap                  // what links it to another traceback
	pyLinked               // that other traceback
)

func (p *python) begin(line []byte) bool {
	switch {
	case has(line, `  File "`) && contains(line, `", line `):
		*p = pyFrames // the beginning is missing
	case bytes.HasSuffix(bytes.TrimRight(line, " \t\r"), pyHead):
		*p = pyFrames
		if has(trimLeft(line), "+ Exception Group ") {
			*p = pyGroup
		}
	default:
		return false
	}
	return true
}

var pyHead = []byte("Traceback (most recent call last):")

func (p *python) more(line []byte) bool {
	switch *p {
	case pyFrames:
		return indented(line) || p.exception(line)
	case pyLinked:
		return blank(line) || p.begin(line)
	}
	if indented(line) && *p != pyGap {
		return !has(line, "  + Exception Group ")
	}
	if pyLink(line) {
		*p = pyLinked
		return true
	}
	if blank(line) && *p != pyGap {
		*p = pyGap
		return true
	}
	return false
}

// exception takes the line that names the exception.
func (p *python) exception(line []byte) bool {
	n := dotted(line)
	if n == 0 || n < len(line) && line[n] != ':' && line[n] != '\r' {
		return false
	}
	*p = pyEnd
	return true
}

// pyLink reports whether line links a traceback to the one before.
func pyLink(line []byte) bool {
	text := bytes.TrimLeft(line, " |")
	return has(text, "During handling of the above exception, another exception occurred:") ||
		has(text, "The above exception was the direct cause of the following exception:")
}
