package tail

import "github.com/logferry/logferry/batch"

// A tag is what Config says of all entries of a file. The generations of a log
// have that of the log.
type tag struct {
	labels batch.Labels
	attrs  []batch.Attr
}

// tagOf is the tag of a file that was first seen at path.
func (p *plan) tagOf(path string) tag {
	t := tag{labels: p.Labels(path)}
	if p.Attrs != nil {
		t.attrs = p.Attrs(path)
	}
	return t
}

// retag gives f the tag that it is to have from now on. Not while a reader has f.
func (f *file) retag() {
	if f.next == nil {
		return
	}
	f.reopen = f.next.labels != f.labels
	f.tag, f.next = *f.next, nil
}
