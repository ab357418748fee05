package record

import "bytes"

// Ruby joins the backtraces of Ruby, in their order since 3.0 and in the one
// before, and those that Rails logs:
//
//	till.rb:42:in 'Till#open': no such drawer (RuntimeError)
//		from till.rb:17:in 'block in <main>'
//		 ... 3 levels...
//		from till.rb:3:in '<main>'
//
//	RuntimeError (no such drawer):
//
//	app/models/till.rb:42:in `open'
//
// The forms are those of Exception#full_message.
func Ruby() Rule { return Rule{func() machine { return new(ruby) }} }

// ruby says whether a line of a backtrace has been seen.
type ruby bool

func (r *ruby) begin(line []byte) bool {
	*r = ruby(rubyFrom(line) || rubyPlace(line))
	return bool(*r) || rubyRails(line) || has(line, "Traceback (most recent call last):")
}

func (r *ruby) more(line []byte) bool {
	if rubyFrom(line) || rubyPlace(line) || indented(line) && has(trimLeft(line), "... ") {
		*r = true
		return true
	}
	return !bool(*r) && blank(line)
}

// rubyPlace reports whether line begins with a file, a line and a method.
func rubyPlace(line []byte) bool {
	i := bytes.Index(line, []byte(":in "))
	if i < 3 || !digit(line[i-1]) || len(line) < i+5 || line[i+4] != '`' && line[i+4] != '\'' {
		return false
	}
	for i > 0 && digit(line[i-1]) {
		i--
	}
	return i > 1 && line[i-1] == ':'
}

// rubyFrom reports whether line is a frame below the first.
func rubyFrom(line []byte) bool {
	if !indented(line) {
		return false
	}
	text := trimLeft(line)
	if n := digits(text); n > 0 && has(text[n:], ": ") {
		text = text[n+2:]
	}
	return has(text, "from ") && contains(text, ":")
}

// rubyRails reports whether line is a class and a message in parentheses.
func rubyRails(line []byte) bool {
	text := bytes.TrimRight(line, "\r")
	if len(text) == 0 || text[0] < 'A' || text[0] > 'Z' || !bytes.HasSuffix(text, []byte("):")) {
		return false
	}
	open := bytes.Index(text, []byte(" ("))
	return open > 0 && bytes.IndexByte(text[:open], ' ') < 0
}
