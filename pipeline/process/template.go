package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/labelset"
	"github.com/logferry/logferry/internal/template"
	"github.com/logferry/logferry/source/record"
)

// A TemplateConfig says what to write of what is known of an entry. Labels, Attrs or
// Line must be set.
//
// A template is text with placeholders:
//
//	{app}              the label app
//	{label:time}       that of labels called like one of the others
//	{attr:trace_id}    the attribute trace_id
//	{line}             the line
//	{labels}           all labels, as Loki writes them
//	{time}             the time, as RFC 3339 has it
//	{time:2006-01-02}  the time in a layout of package time
//
// Any other word is a label, {label} too. {{ and }} stand for braces. A template with
// placeholders none of which has something to say for an entry changes nothing of it.
type TemplateConfig struct {
	// Labels are templates of labels to set, by their names.
	Labels map[string]string
	// Attrs are templates of attributes to set, by their keys.
	Attrs map[string]string
	// Line is the template of the line.
	Line string

	// Location is that of times: time.UTC.
	Location *time.Location
	// MaxValue is how long the values of labels and attributes may be, in bytes:
	// 1,024, which is the most for labels, and 64 KiB at most. Beyond it they are cut.
	MaxValue int
	// MaxLine is how long a line may become: 256 KiB. Beyond it, it is cut.
	MaxLine int
	// MaxLabelSets is how many sets the Labels may make: 1,000. Beyond it new values
	// become "other", and are attributes.
	MaxLabelSets int
}

// A Templater sets labels, attributes and lines. All templates see the entry as it
// was before. [Template] makes one; all methods may be called concurrently.
type Templater struct {
	labels, attrs []filling
	line          []fill
	longest       int
	longestLine   int
	location      *time.Location
	benches       sync.Pool

	cut, overflowed atomic.Int64
}

// A filling is the template of a label or attribute.
type filling struct {
	name  string
	fills []fill
}

// A fill is a piece of a template: append appends what it stands for, if there is
// something.
type fill struct {
	text   string // of one that has no append
	append func(dst []byte, e *batch.Entry, l batch.Labels) []byte
}

// Template returns a Templater. Its error names each field that makes no sense.
func Template(cfg TemplateConfig) (*Templater, error) {
	t := &Templater{
		longest:     cmp.Or(cfg.MaxValue, labelset.MaxValue),
		longestLine: cmp.Or(cfg.MaxLine, defaultMaxLine),
		location:    cfg.Location,
	}
	if t.location == nil {
		t.location = time.UTC
	}
	errs := append(isMaxValue("Template", cfg.MaxValue), notNegative("Template", number{"MaxLine", cfg.MaxLine}, number{"MaxLabelSets", cfg.MaxLabelSets})...)
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("process: Template: "+format, args...))
	}
	if len(cfg.Labels)+len(cfg.Attrs) == 0 && cfg.Line == "" {
		wrong("Labels, Attrs, Line: none of them says what to set")
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Labels)) {
		if !batch.ValidName(name) {
			wrong("Labels: %q: %w", name, errName)
		}
		fills, err := t.parse(cfg.Labels[name])
		if err != nil {
			wrong("Labels: %q: %w", name, err)
		}
		t.labels = append(t.labels, filling{name, fills})
	}
	for _, key := range slices.Sorted(maps.Keys(cfg.Attrs)) {
		fills, err := t.parse(cfg.Attrs[key])
		if err == nil && key == "" {
			err = errors.New("has no key")
		}
		if err != nil {
			wrong("Attrs: %q: %w", key, err)
		}
		t.attrs = append(t.attrs, filling{key, fills})
	}
	var err error
	if t.line, err = t.parse(cfg.Line); err != nil {
		wrong("Line: %w", err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	register, sets := labelset.NewRegister(), cmp.Or(cfg.MaxLabelSets, defaultMaxLabelSets)
	t.benches.New = func() any { return &easel{bench: bench{memory: newMemory(register, sets)}} }
	return t, nil
}

// parse makes what is to be appended of a template.
func (t *Templater) parse(text string) (fills []fill, err error) {
	pieces, err := template.Parse(text)
	for _, p := range pieces {
		f, err := t.fill(p)
		if err != nil {
			return nil, err
		}
		fills = append(fills, f)
	}
	return fills, err
}

func (t *Templater) fill(p template.Piece) (fill, error) {
	if p.Verb == "" {
		return fill{text: p.Text}, nil
	}
	switch {
	case p.Verb == "time":
		layout := cmp.Or(p.Arg, time.RFC3339Nano)
		return fill{append: func(dst []byte, e *batch.Entry, _ batch.Labels) []byte {
			if e.Time.IsZero() {
				return dst
			}
			return e.Time.In(t.location).AppendFormat(dst, layout)
		}}, nil
	case p.Verb == "line" && p.Arg == "":
		return fill{append: func(dst []byte, e *batch.Entry, _ batch.Labels) []byte { return append(dst, e.Line...) }}, nil
	case p.Verb == "labels" && p.Arg == "":
		return fill{append: func(dst []byte, _ *batch.Entry, l batch.Labels) []byte {
			if l == (batch.Labels{}) {
				return dst
			}
			return l.Append(dst)
		}}, nil
	case p.Verb == "attr" && p.Arg != "":
		return fill{append: func(dst []byte, e *batch.Entry, _ batch.Labels) []byte { return append(dst, attr(e, p.Arg)...) }}, nil
	}
	name, err := p.Label()
	if err != nil {
		return fill{}, err
	}
	if !batch.ValidName(name) {
		return fill{}, fmt.Errorf("%s: %q: %w", p.Placeholder(), name, errName)
	}
	return fill{append: func(dst []byte, _ *batch.Entry, l batch.Labels) []byte { return append(dst, l.Get(name)...) }}, nil
}

// An easel is what one goroutine works with while it has a batch.
type easel struct {
	bench
	text []byte // the latest that was rendered
}

// maxKept bounds the memory an easel is kept with.
const maxKept = 2 * defaultMaxLine

// Process is that of pipeline.Processor.
func (t *Templater) Process(_ context.Context, b *batch.Batch) error {
	w := t.benches.Get().(*easel)
	w.tally = ParseStats{}
	for i := range b.Entries {
		t.entry(w, b, i)
	}
	count(&t.cut, w.tally.Cut)
	count(&t.overflowed, w.tally.Overflowed)
	if cap(w.text) > maxKept {
		w.text = nil
	}
	t.benches.Put(w)
	return nil
}

// entry sets what there is to set of entry i, once all templates have seen what it was.
func (t *Templater) entry(w *easel, b *batch.Batch, i int) {
	e, l := &b.Entries[i], b.LabelsOf(i)
	labels := t.label(w, e, l) // first: whether they were cut is remembered with them
	w.attrs = append(w.attrs[:0], e.Attrs...)
	changed := false
	for _, x := range t.attrs {
		if w.render(x.fills, e, l) {
			w.attrs = setAttr(w.attrs, 0, x.name, w.keep(value{text: w.text}, t.longest))
			changed = true
		}
	}
	if labels != nil {
		for _, x := range labels.lost {
			w.attrs = setAttr(w.attrs, 0, x.Name, x.Value)
			changed = true
		}
	}
	line := w.render(t.line, e, l)
	if changed {
		b.SetAttrs(e, w.attrs)
	}
	if labels != nil && labels.set != (batch.Labels{}) {
		e.Labels = labels.onto(l)
	}
	if line {
		head := record.Cut(w.text, t.longestLine)
		w.texts.cut = w.texts.cut || len(head) < len(w.text)
		e.Line = append(b.Buffer(len(head))[:0], head...)
	}
	if w.texts.cut {
		w.texts.cut = false
		w.tally.Cut++
	}
}

// render writes a template to w.text, and reports whether that says something: a
// placeholder does, or there is none and all is text.
func (w *easel) render(fills []fill, e *batch.Entry, l batch.Labels) (some bool) {
	w.text = w.text[:0]
	constant := true
	for i := range fills {
		if fills[i].append == nil {
			w.text = append(w.text, fills[i].text...)
			continue
		}
		n := len(w.text)
		w.text = fills[i].append(w.text, e, l)
		some, constant = some || len(w.text) > n, false
	}
	return some || constant && len(w.text) > 0
}

// label returns what the templates of labels amount to, nil if that is nothing.
func (t *Templater) label(w *easel, e *batch.Entry, l batch.Labels) *recalled {
	key, some, longest := w.key[:0], false, min(t.longest, labelset.MaxValue)
	for _, x := range t.labels {
		var v value
		if w.render(x.fills, e, l) {
			v.text, some = w.text, true
		}
		key = appendValue(key, &v, longest)
	}
	if w.key = key; !some {
		return nil
	}
	return w.amount(key, func() []labelset.Pair { return t.pairs(w, e, l, longest) })
}

// pairs returns the labels that the templates make.
func (t *Templater) pairs(w *easel, e *batch.Entry, l batch.Labels, longest int) (all []labelset.Pair) {
	for _, x := range t.labels {
		if !w.render(x.fills, e, l) {
			continue
		}
		if v := w.keepLabel(value{text: w.text}, longest); v != "" {
			all = append(all, labelset.Pair{Name: x.name, Value: v})
		}
	}
	return all
}

// TemplateStats count entries since the Templater was made.
type TemplateStats struct {
	Cut        int64 // had a value or line cut
	Overflowed int64 // had label values become "other", as MaxLabelSets says
}

// Stats returns the counters.
func (t *Templater) Stats() TemplateStats {
	return TemplateStats{Cut: t.cut.Load(), Overflowed: t.overflowed.Load()}
}
