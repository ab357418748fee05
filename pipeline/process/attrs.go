package process

import (
	"slices"

	"github.com/logferry/logferry/batch"
)

// rewriteAttrs gives attributes of e, an entry of b, the values that change returns
// where it says so, and returns how many these are. The slice that was there stays
// as it is.
func rewriteAttrs(b *batch.Batch, e *batch.Entry, change func(a *batch.Attr) (value string, changed bool)) (n int) {
	var attrs []batch.Attr
	for i := range e.Attrs {
		value, changed := change(&e.Attrs[i])
		if !changed {
			continue
		}
		if n++; attrs == nil {
			attrs = slices.Clone(e.Attrs)
		}
		attrs[i].Value = value
	}
	if attrs != nil {
		b.SetAttrs(e, attrs)
	}
	return n
}

// addAttrs gives e, an entry of b, attributes, in place of those of their keys.
func addAttrs(b *batch.Batch, e *batch.Entry, more ...batch.Attr) {
	if len(more) == 0 {
		return
	}
	var room [16]batch.Attr // as a rule, it is enough: b has a copy in the end
	attrs := append(room[:0], e.Attrs...)
	for _, a := range more {
		attrs = setAttr(attrs, 0, a.Key, a.Value)
	}
	b.SetAttrs(e, attrs)
}

// hasAttr reports whether one of attrs is called key.
func hasAttr(attrs []batch.Attr, key string) bool {
	return slices.ContainsFunc(attrs, func(a batch.Attr) bool { return a.Key == key })
}

// attr is the value of an attribute, "" if there is none.
func attr(e *batch.Entry, key string) string {
	for i := range e.Attrs {
		if e.Attrs[i].Key == key {
			return e.Attrs[i].Value
		}
	}
	return ""
}

// valueIn is the value of an attribute or, if there is none, of a label.
func valueIn(e *batch.Entry, l batch.Labels, name string) string {
	if v := attr(e, name); v != "" {
		return v
	}
	return l.Get(name)
}

// labelsOf are the labels of e, an entry of b.
func labelsOf(b *batch.Batch, e *batch.Entry) batch.Labels {
	if e.Labels != (batch.Labels{}) {
		return e.Labels
	}
	return b.Labels
}
