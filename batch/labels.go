package batch

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
	"unique"
)

// Labels is an immutable, sorted set of label names and values. It names a
// stream: entries of equal Labels are kept in order.
//
// The zero Labels is the empty set. Equal sets are ==, so Labels are map keys;
// a copy is one word. Safe for concurrent use.
type Labels struct {
	// The handle interns "name\xffvalue\xff…", sorted by name. 0xFF occurs in
	// no valid UTF-8 text and so in no name or value. The zero handle, which
	// has no value, stands for the empty set alone.
	h unique.Handle[string]
}

const labelSep = "\xff"

// ErrLabel is in the chain of every error about a label name or value that no
// label set can hold.
var ErrLabel = errors.New("batch: invalid label")

type labelPair struct{ name, value string }

// NewLabels returns the set of the given names and values. An empty value
// means that the label is absent, as it does in Prometheus and Loki.
//
// A name must match [a-zA-Z_][a-zA-Z0-9_]*, the data model of both, and a value must be valid UTF-8;
// the error, which wraps [ErrLabel], joins one for every label that does not.
func NewLabels(m map[string]string) (Labels, error) {
	pairs := make([]labelPair, 0, len(m))
	for name, value := range m {
		pairs = append(pairs, labelPair{name, value})
	}
	slices.SortFunc(pairs, func(a, b labelPair) int { return strings.Compare(a.name, b.name) })
	return intern(pairs)
}

// MustLabels is [NewLabels] for names and values known to be good, given in
// turn: MustLabels("app", "shop", "env", "prod"). It panics if one is not, if a
// name comes twice, or if a value is missing.
func MustLabels(nameValue ...string) Labels {
	if len(nameValue)%2 != 0 {
		panic("batch: MustLabels: a name without a value")
	}
	m := make(map[string]string, len(nameValue)/2)
	for i := 0; i < len(nameValue); i += 2 {
		if _, dup := m[nameValue[i]]; dup {
			panic("batch: MustLabels: label " + strconv.Quote(nameValue[i]) + " given twice")
		}
		m[nameValue[i]] = nameValue[i+1]
	}
	l, err := NewLabels(m)
	if err != nil {
		panic(err)
	}
	return l
}

// intern makes the canonical form of pairs, which are sorted by name and have
// no name twice.
func intern(pairs []labelPair) (Labels, error) {
	var errs []error
	var b strings.Builder
	for _, p := range pairs {
		if err := checkLabel(p); err != nil {
			errs = append(errs, err)
			continue
		}
		if p.value == "" {
			continue
		}
		b.WriteString(p.name)
		b.WriteString(labelSep)
		b.WriteString(p.value)
		b.WriteString(labelSep)
	}
	if len(errs) > 0 {
		return Labels{}, errors.Join(errs...)
	}
	if b.Len() == 0 {
		return Labels{}, nil
	}
	return Labels{unique.Make(b.String())}, nil
}

func checkLabel(p labelPair) error {
	if !ValidName(p.name) {
		return fmt.Errorf("%w: name %q: want letters, digits and _, not starting with a digit", ErrLabel, p.name)
	}
	if !utf8.ValidString(p.value) {
		return fmt.Errorf("%w: value %q of %s: not valid UTF-8", ErrLabel, p.value, p.name)
	}
	return nil
}

// ValidName reports whether name may be the name of a label:
// [a-zA-Z_][a-zA-Z0-9_]*.
func ValidName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// With returns l with one label set, or removed if value is empty. The error is
// that of [NewLabels].
func (l Labels) With(name, value string) (Labels, error) {
	var pairs []labelPair
	for n, v := range l.All() {
		if n != name {
			pairs = append(pairs, labelPair{n, v})
		}
	}
	at, _ := slices.BinarySearchFunc(pairs, name, func(p labelPair, name string) int { return strings.Compare(p.name, name) })
	return intern(slices.Insert(pairs, at, labelPair{name, value}))
}

// Get returns the value of one label, "" if it is absent.
func (l Labels) Get(name string) string {
	for n, v := range l.All() {
		if n == name {
			return v
		}
	}
	return ""
}

// Len is the number of labels in the set.
func (l Labels) Len() int {
	if l == (Labels{}) {
		return 0
	}
	return strings.Count(l.h.Value(), labelSep) / 2
}

// All yields every name and value, sorted by name.
func (l Labels) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if l == (Labels{}) {
			return
		}
		for rest := l.h.Value(); rest != ""; {
			var name, value string
			name, rest, _ = strings.Cut(rest, labelSep)
			value, rest, _ = strings.Cut(rest, labelSep)
			if !yield(name, value) {
				return
			}
		}
	}
}

// String returns the set as Prometheus and Loki write it:
// {app="shop", env="prod"}. Values are escaped as Go strings, which is what the
// parsers of both read.
func (l Labels) String() string { return string(l.Append(nil)) }

// Append appends what [Labels.String] returns to dst.
func (l Labels) Append(dst []byte) []byte {
	dst = append(dst, '{')
	first := true
	for n, v := range l.All() {
		if !first {
			dst = append(dst, ", "...)
		}
		first = false
		dst = append(dst, n...)
		dst = append(dst, '=')
		dst = strconv.AppendQuote(dst, v)
	}
	return append(dst, '}')
}
