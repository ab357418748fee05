package file

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/template"
)

const (
	// longestName is what most file systems allow, less what generations and their temporary files add.
	longestName = 255 - len(".20060102T150405.000.zst.tmp")
	// leastValue is how many bytes each label must have for itself.
	leastValue = 2 * cutTail
	// deepest bounds the number of folders.
	deepest = 32
)

// timeFields are the placeholders for times: how they are written, and the unit in which they change. Years and months
// are looked at every day.
var timeFields = map[string]timeField{
	"date":   {"2006-01-02", `\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])`, 24 * time.Hour},
	"year":   {"2006", `\d{4}`, 24 * time.Hour},
	"month":  {"01", `(?:0[1-9]|1[0-2])`, 24 * time.Hour},
	"day":    {"02", `(?:0[1-9]|[12]\d|3[01])`, 24 * time.Hour},
	"hour":   {"15", `(?:[01]\d|2[0-3])`, time.Hour},
	"minute": {"04", `[0-5]\d`, time.Minute},
}

type timeField struct {
	layout, pattern string
	unit            time.Duration
}

// A pathRule makes the paths of logs, slash-separated and relative to the root.
type pathRule struct {
	components []component
	names      nameRule
	unit       time.Duration // in which the times in it change; zero: there are none
	loc        *time.Location
}

// A component is one name of a path.
type component struct {
	pieces []template.Piece
	most   int            // bytes for each label
	match  *regexp.Regexp // nil if there is no placeholder
}

// splitRoot returns the folder that a path template begins with, and the rest.
func splitRoot(template string) (root, rest string, err error) {
	template = filepath.ToSlash(template)
	before, _, _ := strings.Cut(template, "{")
	if strings.HasPrefix(template[len(before):], "{{") {
		return "", "", errors.New("a folder before the first placeholder has a brace in its name")
	}
	i := strings.LastIndexByte(before, '/')
	switch {
	case i < 0:
		return ".", template, nil
	case template[:i] == filepath.VolumeName(template[:i]): // the slash is all there is of the folder
		return filepath.FromSlash(template[:i+1]), template[i+1:], nil
	default:
		return filepath.FromSlash(template[:i]), template[i+1:], nil
	}
}

// newPathRule compiles a path template without the root.
func newPathRule(template string, names nameRule, loc *time.Location) (*pathRule, error) {
	r := &pathRule{names: names, loc: loc}
	for name := range strings.SplitSeq(template, "/") {
		c, err := r.newComponent(name)
		if err != nil {
			return nil, err
		}
		r.components = append(r.components, c)
	}
	if len(r.components) > deepest {
		return nil, fmt.Errorf("more than %d folders", deepest)
	}
	return r, r.checkEnding()
}

// checkEnding makes sure that a log cannot be taken for a generation of another one.
func (r *pathRule) checkEnding() error {
	pieces := r.components[len(r.components)-1].pieces
	ending := path.Ext(pieces[len(pieces)-1].Text)
	if len(ending) < 2 || !unicode.IsLetter(rune(ending[len(ending)-1])) {
		return errors.New("does not end in text such as .log, by which a log is told from its generations")
	}
	switch ending {
	case suffixGzip, suffixZstd, suffixTemp:
		return fmt.Errorf("ends in %s, which is for generations", ending)
	}
	return nil
}

func (r *pathRule) newComponent(name string) (component, error) {
	pieces, err := template.Parse(name)
	if err != nil {
		return component{}, err
	}
	c := component{pieces: pieces}
	text, labels := "", 0
	for i, p := range pieces {
		switch field, isTime := timeFields[p.Verb]; {
		case p.Verb == "":
			text += p.Text
		case isTime && p.Arg == "":
			text += field.layout
			if r.unit == 0 || field.unit < r.unit {
				r.unit = field.unit
			}
		default:
			label, err := labelOf(p)
			if err != nil {
				return component{}, err
			}
			pieces[i] = template.Piece{Verb: "label", Arg: label}
			labels++
		}
	}
	if err := checkText(text, labels > 0); err != nil {
		return component{}, fmt.Errorf("%q: %w", name, err)
	}
	if labels > 0 {
		if c.most = (longestName - len(text)) / labels; c.most < leastValue {
			return component{}, fmt.Errorf("%q: leaves a label fewer than %d bytes", name, leastValue)
		}
	}
	c.compile(r.names)
	return c, nil
}

// labelOf returns the label that a placeholder stands for.
func labelOf(p template.Piece) (string, error) {
	name, err := p.Label()
	if err == nil && !batch.ValidName(name) {
		err = fmt.Errorf("%s: %q cannot be the name of a label", p.Placeholder(), name)
	}
	return name, err
}

// checkText checks what a template itself puts into a name.
func checkText(text string, labels bool) error {
	switch {
	case text == "" && !labels:
		return errors.New("an empty name")
	case (text == "." || text == "..") && !labels:
		return errors.New("would leave its folder")
	case strings.ContainsFunc(text, unicode.IsControl) || strings.ContainsAny(text, `\:*?"<>|%`):
		return errors.New("has a control character, or one of \\:*?\"<>|%")
	case reserved(text) && !labels:
		return errors.New("is a device on Windows")
	case len(text) > longestName:
		return fmt.Errorf("is longer than %d bytes", longestName)
	}
	return nil
}

// compile makes the pattern by which names of this form are known again.
func (c *component) compile(names nameRule) {
	var pattern strings.Builder
	fixed := true
	for _, p := range c.pieces {
		switch field, isTime := timeFields[p.Verb]; {
		case p.Verb == "":
			pattern.WriteString(regexp.QuoteMeta(p.Text))
		case isTime:
			pattern.WriteString("(" + field.pattern + ")")
			fixed = false
		default:
			pattern.WriteString("(" + names.pattern() + ")")
			fixed = false
		}
	}
	if !fixed {
		c.match = regexp.MustCompile("^(?s:" + pattern.String() + ")$")
	}
}

// render returns the path for entries with those labels and that time.
func (r *pathRule) render(l batch.Labels, t time.Time) string {
	var dst []byte
	t = t.In(r.loc)
	for i := range r.components {
		if i > 0 {
			dst = append(dst, '/')
		}
		dst = r.appendComponent(dst, &r.components[i], l, t)
	}
	return string(dst)
}

func (r *pathRule) appendComponent(dst []byte, c *component, l batch.Labels, t time.Time) []byte {
	start := len(dst)
	dst = c.append(dst, l, t, r.names)
	if c.match != nil && reserved(string(dst[start:])) {
		dst = c.append(dst[:start], l, t, nameRule{all: true})
	}
	return dst
}

func (c *component) append(dst []byte, l batch.Labels, t time.Time, names nameRule) []byte {
	for _, p := range c.pieces {
		switch {
		case p.Verb == "":
			dst = append(dst, p.Text...)
		case p.Verb == "label":
			dst = names.appendValue(dst, l.Get(p.Arg), c.most)
		default:
			dst = t.AppendFormat(dst, timeFields[p.Verb].layout)
		}
	}
	return dst
}

// window is the time around t within which the path of a log stays the same, in Unix time, and not including to.
func (r *pathRule) window(t time.Time) (from, to int64) {
	t = t.In(r.loc)
	_, offset := t.Zone()
	unit := int64(r.unit / time.Second)
	local := t.Unix() + int64(offset)
	from = local - (local%unit+unit)%unit - int64(offset)
	to = from + unit
	begin, end := t.ZoneBounds() // the clock is set then
	if !begin.IsZero() {
		from = max(from, begin.Unix())
	}
	if !end.IsZero() {
		to = min(to, end.Unix())
	}
	return from, to
}
