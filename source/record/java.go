package record

import "bytes"

// Java joins the stack traces of Java and what else runs on its machine:
//
//	java.lang.IllegalStateException: cannot
//		at shop.Till.open(Till.java:42)
//		Suppressed: java.io.IOException: closed
//			at shop.Till.close(Till.java:17)
//		... 3 more
//	Caused by: java.io.IOException: no such drawer
//		... 7 more
//
// A trace begins at a line in which the name of an exception, one that ends in
// Exception, Error or Throwable, is followed by a colon, or is the last word.
// Traces of JavaScript and C# look alike and are joined too.
//
// The forms are those of java.lang.Throwable.printStackTrace, and of logback
// and log4j ("Wrapped by", "common frames omitted").
func Java() Rule { return Rule{func() machine { return java{} }} }

type java struct{}

func (java) begin(line []byte) bool {
	return frame(line) || throwable(line)
}

func (java) more(line []byte) bool {
	if frame(line) {
		return true
	}
	text := trimLeft(line)
	switch {
	case has(text, "Caused by: "), has(text, "Suppressed: "), has(text, "Wrapped by: "),
		has(text, "[CIRCULAR REFERENCE"), has(text, "--- End of "), has(text, "---> "):
		return true
	case has(text, "... "):
		n := digits(text[4:])
		return n > 0 && (has(text[4+n:], " more") || has(text[4+n:], " common frames omitted"))
	default:
		return false
	}
}

// frame reports whether line is a frame of a trace.
func frame(line []byte) bool {
	return indented(line) && has(trimLeft(line), "at ") && len(trimLeft(line)) > len("at ")
}

// throwable reports whether line names an exception that it tells of.
func throwable(line []byte) bool {
	for _, kind := range throwables {
		for rest := line; ; {
			i := bytes.Index(rest, kind)
			if i < 0 {
				break
			}
			rest = rest[i+len(kind):]
			if len(bytes.TrimRight(rest, " \t\r")) == 0 || rest[0] == ':' {
				return true
			}
		}
	}
	return false
}

var throwables = [][]byte{[]byte("Exception"), []byte("Error"), []byte("Throwable")}
