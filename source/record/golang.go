package record

import "bytes"

// Go joins what the runtime of Go writes when it gives up: panics, fatal errors
// and dumps of all goroutines, with the empty lines between goroutines, and the
// panics that net/http survives:
//
//	panic: no such drawer
//
//	goroutine 1 [running]:
//	main.open(...)
//		/src/shop/main.go:42
//	main.main()
//		/src/shop/main.go:17 +0x1d
//	exit status 2
//
// One empty line behind a goroutine belongs to the dump, as another goroutine
// may follow.
//
// The forms are those of the files panic.go and traceback.go of package
// runtime, whose output is no stable interface; those of Go 1.26 are known.
func Go() Rule { return Rule{func() machine { return new(golang) }} }

// golang is where in a dump a line is.
type golang uint8

const (
	goHead  golang = iota // the message, before the first goroutine
	goStack               // a goroutine
	goGap                 // behind the empty line after one
)

func (g *golang) begin(line []byte) bool {
	switch {
	case goroutine(line):
		*g = goStack
	case has(line, "panic: "), has(line, "fatal error: "), has(line, "unexpected fault address "),
		has(line, "SIG") && contains(line, ": "), has(line, "runtime: goroutine stack exceeds "),
		contains(line, "http: panic serving "):
		*g = goHead
	default:
		return false
	}
	return true
}

func (g *golang) more(line []byte) bool {
	switch {
	case goroutine(line):
		*g = goStack
		return true
	case blank(line):
		if *g == goStack {
			*g = goGap
			return true
		}
		return *g == goHead
	case has(line, "exit status "), has(line, "[signal "), register(line):
		return true
	case *g == goGap:
		return false
	case *g == goStack && (call(line) || has(line, "...")):
		return true
	case *g == goHead && (has(line, "panic: ") || has(line, "fatal error: ") || has(line, "[recovered]") ||
		has(line, "PC=") || has(line, "runtime: ") || has(line, "stack: frame=")):
		return true
	}
	return indented(line)
}

// goroutine reports whether a stack begins with line.
func goroutine(line []byte) bool {
	if has(line, "runtime stack:") {
		return true
	}
	if !has(line, "goroutine ") {
		return false
	}
	rest := line[len("goroutine "):]
	n := digits(rest)
	return n > 0 && has(rest[n:], " ") && contains(rest[n:], "[") && bytes.HasSuffix(bytes.TrimRight(rest, "\r"), []byte(":"))
}

// call reports whether line names a function on a stack.
func call(line []byte) bool {
	if has(line, "created by ") || has(line, "[originating from ") {
		return true
	}
	open := bytes.IndexByte(line, '(')
	return open > 0 && bytes.IndexByte(line[:open], ' ') < 0 && bytes.HasSuffix(bytes.TrimRight(line, "\r"), []byte(")"))
}

// register reports whether line tells what a register of the processor held.
func register(line []byte) bool {
	n := 0
	for n < len(line) && (letter(line[n]) || digit(line[n])) {
		n++
	}
	return n > 0 && n <= 8 && has(line[n:], " ") && has(trimLeft(line[n:]), "0x")
}
