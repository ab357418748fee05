package tail

import (
	"bytes"
	"iter"
	"slices"
	"sort"
)

// A heads holds files by how they begin, so that finding those that begin alike
// takes no look at each of ten thousand. Files that are empty are not in it.
type heads struct{ sorted []*file } // by filed

// put notes how f begins now.
func (h *heads) put(f *file) {
	if len(f.filed) > 0 && len(f.filed) == len(f.prefix) && &f.filed[0] == &f.prefix[0] {
		return
	}
	h.remove(f)
	if len(f.prefix) == 0 {
		return
	}
	f.filed = f.prefix
	h.sorted = slices.Insert(h.sorted, h.search(f.filed), f)
}

func (h *heads) remove(f *file) {
	if len(f.filed) == 0 {
		return
	}
	for i := h.search(f.filed); ; i++ {
		if h.sorted[i] == f {
			h.sorted = slices.Delete(h.sorted, i, i+1)
			f.filed = nil
			return
		}
	}
}

// search is where the first file is, or would be, that begins with no less than
// prefix.
func (h *heads) search(prefix []byte) int {
	return sort.Search(len(h.sorted), func(i int) bool { return bytes.Compare(h.sorted[i].filed, prefix) >= 0 })
}

// past is the same behind those that are prefix.
func (h *heads) past(prefix []byte) int {
	return sort.Search(len(h.sorted), func(i int) bool { return bytes.Compare(h.sorted[i].filed, prefix) > 0 })
}

// alike are the files of which one of prefix and their beginning begins with the
// other. Nothing may be put or removed meanwhile.
func (h *heads) alike(prefix []byte) iter.Seq[*file] {
	return func(yield func(*file) bool) {
		at := h.search(prefix)
		for _, f := range h.sorted[at:] {
			if !bytes.HasPrefix(f.filed, prefix) {
				break
			}
			if !yield(f) {
				return
			}
		}
		for at > 0 {
			f := h.sorted[at-1]
			n := common(f.filed, prefix)
			if n < len(f.filed) {
				// What is before f and begins prefix begins f too.
				at = h.past(prefix[:n])
				continue
			}
			if !yield(f) {
				return
			}
			at--
		}
	}
}

// common is how many bytes a and b have in common at their beginning.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
