package process

import (
	"bytes"
	"context"
	"errors"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/jsonscan"
)

// A JSONConfig says which fields of lines that are JSON objects are taken. The
// zero JSONConfig takes all of them as attributes.
//
// A field is named by its path: "user.id" is the field id of the object user, or
// the field "user.id" itself, as ECS has them. Strings are taken as what they
// stand for, in UTF-8, numbers, true and false as they are written, and so are
// objects and arrays. What is null or empty counts as missing. If a field comes
// twice, the last one counts.
type JSONConfig struct {
	// Labels are fields that become labels, by the name of the label. A label of
	// that name is replaced. Control characters in the value become U+FFFD; those in
	// attributes stay.
	Labels map[string]string
	// Attrs are fields that become attributes, by the key of the attribute. An
	// attribute of that key is replaced. Together with Labels they are 64 at most.
	//
	// With neither Labels nor Attrs all fields become attributes. Their keys are the
	// paths, with _ in place of dots and of whatever a name cannot have, and with
	// _extracted behind it if the entry has such an attribute already. Arrays are
	// taken as they are written.
	Attrs map[string]string
	// MaxFields bounds the fields of a line that are taken with neither Labels nor
	// Attrs: 64 by default, half of what Loki takes. Keys of more than 128 bytes are
	// left out.
	MaxFields int
	// MaxValue is the longest value, in bytes: 1,024 by default, 64 KiB at most. A
	// longer one is cut: before a word that begins in its second half and not more
	// than 256 bytes before the end, so that no half of a secret is left, which
	// [Redact] could not tell; and never within a character. Labels are not longer
	// than 1,024 bytes in any case.
	MaxValue int
	// MaxLabelSets bounds the different sets of Labels that lines bring with them for
	// as long as there is the parser: 1,000 by default. With those that an entry has
	// from its source they may make as many streams for each of these. Lines that
	// come with yet another set get the value "other" for all Labels whose values are
	// new by then, and the values as attributes; should that make as many sets again,
	// for all Labels.
	MaxLabelSets int
}

// A JSONParser takes fields out of lines that are JSON objects. The lines stay as
// they are, and so do entries whose lines are something else, which are counted:
// lines that are cut off, that have something behind the object, or that are
// nested deeper than 64. Control characters and escapes that JSON does not allow
// in strings are let through. [JSON] makes one; all methods may be called
// concurrently.
type JSONParser struct{ x extractor }

// JSON returns a JSONParser. Its error joins one for each field of cfg that makes
// no sense.
func JSON(cfg JSONConfig) (*JSONParser, error) {
	f := fields{cfg.Labels, cfg.Attrs, cfg.MaxFields, cfg.MaxValue, cfg.MaxLabelSets}
	p, err := f.plan("JSON", func(path string) error {
		if path == "" {
			return errors.New("no path")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	j := &JSONParser{}
	j.x.setUp(p, jsonFinder{p})
	return j, nil
}

// Process is that of pipeline.Processor.
func (j *JSONParser) Process(_ context.Context, b *batch.Batch) error {
	j.x.process(b)
	return nil
}

// Stats returns the counters.
func (j *JSONParser) Stats() ParseStats { return j.x.stats() }

// A jsonFinder finds fields of an object.
type jsonFinder struct{ *plan }

func (p jsonFinder) find(line []byte, f *findings) bool {
	w := jsonWalk{Scan: jsonscan.Scan{Rest: line}, plan: p.plan, f: f}
	if w.Next() != '{' {
		return false
	}
	if p.all {
		return w.flatten(jsonscan.MaxDepth-1) && w.End()
	}
	return w.object(^uint64(0)>>(maxNamed-len(p.named)), 0, jsonscan.MaxDepth-1) && w.End()
}

// A jsonWalk is a walk through one line.
type jsonWalk struct {
	jsonscan.Scan
	plan *plan
	f    *findings
}

// object takes an object. Fields of the plan that are in it, the bits of among,
// have the same path up to it, which is at bytes long.
func (w *jsonWalk) object(among uint64, at, depth int) bool {
	w.Take('{')
	for more := !w.Take('}'); more; {
		quoted, ok := w.Quoted()
		if !ok || !w.Take(':') {
			return false
		}
		key := w.plain(quoted)
		here, below := w.plan.match(among, at, key)
		if !w.value(here, below, at+len(key)+1, depth) {
			return false
		}
		if more = w.Take(','); !more && !w.Take('}') {
			return false
		}
	}
	return true
}

// plain is what quoted, a key, stands for.
func (w *jsonWalk) plain(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted
	}
	key, ok := jsonscan.Unquote(w.f.key[:0], quoted)
	if w.f.key = key; ok {
		return key
	}
	return quoted
}

// match returns the fields of the plan that are called key, and those that may be
// in an object of that name.
func (p *plan) match(among uint64, at int, key []byte) (here, below uint64) {
	for k := 0; among != 0; k, among = k+1, among>>1 {
		if among&1 == 0 {
			continue
		}
		switch path := p.named[k].field[at:]; {
		case len(path) < len(key) || path[:len(key)] != string(key):
		case len(path) == len(key):
			here |= 1 << k
		case path[len(key)] == '.':
			below |= 1 << k
		}
	}
	return here, below
}

// value takes a value, which is that of the fields here, and in which those below
// may be.
func (w *jsonWalk) value(here, below uint64, at, depth int) bool {
	c := w.Next()
	all := w.Rest
	switch {
	case c != '{' || below == 0 || depth == 0:
		if !w.Skip(depth) {
			return false
		}
	case !w.object(below, at, depth-1):
		return false
	}
	if here == 0 {
		return true
	}
	v := valueOf(all[:len(all)-len(w.Rest)])
	for k := 0; here != 0; k, here = k+1, here>>1 {
		if here&1 != 0 {
			w.f.values[k] = v
		}
	}
	return true
}

// valueOf is what text, a value, says.
func valueOf(text []byte) value {
	if inside, ok := jsonscan.Inside(text); ok {
		return value{inside, true}
	}
	if string(text) == "null" {
		return value{}
	}
	return value{text, false}
}

// flatten takes an object and notes each field of it and of objects in it. f.path
// is the path up to it.
func (w *jsonWalk) flatten(depth int) bool {
	prefix := len(w.f.path)
	w.Take('{')
	for more := !w.Take('}'); more; {
		quoted, ok := w.Quoted()
		if !ok || !w.Take(':') {
			return false
		}
		w.f.extend(prefix, w.plain(quoted))
		if w.Next() == '{' && depth > 0 {
			ok = w.flatten(depth - 1)
		} else {
			all := w.Rest
			ok = w.Skip(depth)
			w.f.add(w.plan, valueOf(all[:len(all)-len(w.Rest)]))
		}
		if !ok {
			return false
		}
		if more = w.Take(','); !more && !w.Take('}') {
			return false
		}
	}
	return true
}
