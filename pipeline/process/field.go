package process

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/labelset"
)

const (
	defaultMaxFields    = 64
	defaultMaxLabelSets = 1000

	// maxNamed is how many fields can be named: sets of them are the bits of a word.
	maxNamed = 64
	// maxKey is the longest key of an attribute that is made of what a line says.
	maxKey = 128
)

// A naming says which field gets which name.
type naming struct{ name, field string }

// fields is what the Configs of all parsers say.
type fields struct {
	labels, attrs     map[string]string
	maxFields         int
	maxValue, maxSets int
}

// A plan says what becomes of fields. It is not changed any more.
type plan struct {
	named   []naming // those of labels come first
	labels  int      // how many these are
	all     bool     // nothing is named, so each field becomes an attribute
	most    int      // how many of them
	longest int      // the longest value in bytes
	sets    int      // how many label sets
}

// plan checks fields; who is the function whose Config has them, and check says
// what is wrong with the name of a field.
func (f *fields) plan(who string, check func(field string) error) (*plan, error) {
	p := &plan{
		labels:  len(f.labels),
		all:     len(f.labels)+len(f.attrs) == 0,
		most:    cmp.Or(f.maxFields, defaultMaxFields),
		longest: cmp.Or(f.maxValue, labelset.MaxValue),
		sets:    cmp.Or(f.maxSets, defaultMaxLabelSets),
	}
	var errs []error
	for _, m := range []struct {
		name   string
		fields map[string]string
	}{{"Labels", f.labels}, {"Attrs", f.attrs}} {
		for _, name := range slices.Sorted(maps.Keys(m.fields)) {
			field := m.fields[name]
			p.named = append(p.named, naming{name, field})
			if !batch.ValidName(name) {
				errs = append(errs, fmt.Errorf("process: %s: %s: %q: %w", who, m.name, name, errName))
			}
			if err := check(field); err != nil {
				errs = append(errs, fmt.Errorf("process: %s: %s: %q: %w", who, m.name, name, err))
			}
		}
	}
	if n := len(p.named); n > maxNamed {
		errs = append(errs, fmt.Errorf("process: %s: Labels and Attrs: %d are more than %d", who, n, maxNamed))
	}
	errs = append(errs, notNegative(who, number{"MaxFields", f.maxFields}, number{"MaxLabelSets", f.maxSets})...)
	return p, errors.Join(append(errs, isMaxValue(who, f.maxValue)...)...)
}

// A number is a field of a Config that must not be negative.
type number struct {
	name  string
	value int
}

func notNegative(who string, numbers ...number) (errs []error) {
	for _, n := range numbers {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("process: %s: %s: %d is negative", who, n.name, n.value))
		}
	}
	return errs
}

// isMaxValue checks the field MaxValue of a Config.
func isMaxValue(who string, n int) []error {
	if n > 64<<10 {
		return []error{fmt.Errorf("process: %s: MaxValue: %d is more than 64 KiB", who, n)}
	}
	return notNegative(who, number{"MaxValue", n})
}

// A value is what a line says of a field: text in the line, or none.
type value struct {
	text   []byte
	quoted bool // text is the inside of a string, still escaped
}

// findings is what one line says: of the fields of a plan, by their place in it,
// or else of all fields.
type findings struct {
	values []value
	all    []finding
	names  []byte // what those of all point into
	cut    bool   // something was too much

	path, key []byte // of what is being looked at
}

// A finding is a field, whose name is a part of names.
type finding struct {
	from, to int
	value    value
}

func (f *findings) reset(p *plan) {
	f.values = slices.Grow(f.values[:0], len(p.named))[:len(p.named)]
	clear(f.values)
	f.all, f.names, f.path, f.cut = f.all[:0], f.names[:0], f.path[:0], false
}

// extend makes path the name of a field: its first n bytes, and key.
func (f *findings) extend(n int, key []byte) {
	f.path = f.path[:n]
	if n > maxKey {
		return // it is too long already
	}
	if n > 0 {
		f.path = append(f.path, '_')
	}
	f.path = appendName(f.path, key[:min(len(key), maxKey+1)])
}

// add notes that the field called path is v.
func (f *findings) add(p *plan, v value) {
	switch {
	case len(v.text) == 0:
	case len(f.all) >= p.most || len(f.path) > maxKey:
		f.cut = true
	default:
		from := len(f.names)
		f.names = append(f.names, f.path...)
		f.all = append(f.all, finding{from, len(f.names), v})
	}
}

// appendName appends text to dst, which is a name that ends in _ or is empty. What
// no name can have becomes _.
func appendName(dst, text []byte) []byte {
	if len(text) == 0 || len(dst) == 0 && '0' <= text[0] && text[0] <= '9' {
		dst = append(dst, '_')
	}
	for _, c := range text {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') {
			c = '_'
		}
		dst = append(dst, c)
	}
	return dst
}
