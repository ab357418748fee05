package record

import "regexp"

// A Rule says which lines belong together. The zero Rule says that none do.
//
// A Rule is immutable and safe for concurrent use: each [Joiner] keeps for
// itself what it needs to remember of the lines before.
//
// There are two kinds. [Start], [Continuation] and [Dates] put every line into
// a record, and so hold each back until the next one comes. The rules for
// stack traces ([Java], [Python], [Go], [Ruby]) hold back traces only, and let
// every other line pass at once.
type Rule struct{ newMachine func() machine }

// IsZero reports whether r is the zero Rule.
func (r Rule) IsZero() bool { return r.newMachine == nil }

// A machine follows the lines of one stream.
type machine interface {
	// begin reports whether line begins a record that others may continue.
	begin(line []byte) bool
	// more reports whether line continues the record that was begun.
	more(line []byte) bool
}

// Start has a record begin at each line that matches pattern. The lines behind
// it, up to the next such line, belong to it.
//
// An unanchored pattern matches anywhere in a line. It must not be nil.
func Start(pattern *regexp.Regexp) Rule {
	return startsWhere(pattern.Match)
}

func startsWhere(match func([]byte) bool) Rule {
	return Rule{func() machine { return starts(match) }}
}

type starts func(line []byte) bool

// begin takes any line: what comes before the first start belongs together.
func (starts) begin([]byte) bool           { return true }
func (match starts) more(line []byte) bool { return !match(line) }

// Continuation has each line that matches pattern belong to the one before, as
// in
//
//	record.Continuation(regexp.MustCompile(`^\s`))
//
// for indented lines. pattern must not be nil.
func Continuation(pattern *regexp.Regexp) Rule {
	return Rule{func() machine { return continues(pattern.Match) }}
}

type continues func(line []byte) bool

func (continues) begin([]byte) bool           { return true }
func (match continues) more(line []byte) bool { return match(line) }

// AnyOf tries several rules: the first one by which a record begins decides
// what belongs to it. It serves for programs in several languages, whose
// traces share a file. A rule that puts every line into a record comes last, if
// at all: the others behind it would never be asked.
func AnyOf(rules ...Rule) Rule {
	var all []func() machine
	for _, r := range rules {
		if !r.IsZero() {
			all = append(all, r.newMachine)
		}
	}
	if len(all) == 0 {
		return Rule{}
	}
	return Rule{func() machine {
		m := &anyOf{}
		for _, f := range all {
			m.machines = append(m.machines, f())
		}
		return m
	}}
}

type anyOf struct {
	machines []machine
	chosen   machine // nil before the first record
}

func (a *anyOf) begin(line []byte) bool {
	for _, m := range a.machines {
		if m.begin(line) {
			a.chosen = m
			return true
		}
	}
	return false
}

func (a *anyOf) more(line []byte) bool { return a.chosen.more(line) }

// Traces knows the traces of all languages of this package.
func Traces() Rule { return AnyOf(Python(), Go(), Ruby(), Java()) }
