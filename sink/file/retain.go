package file

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// retain removes what Keep does not allow for, the oldest first.
func (s *Sink) retain(v *survey) {
	keep := s.cfg.Keep
	if keep == (Keep{}) {
		return
	}
	slices.SortFunc(v.items, func(a, b item) int { // the newest first
		return cmp.Or(b.changed.Compare(a.changed), cmp.Compare(b.name, a.name))
	})
	seen, known := map[string]int{}, map[string]bool{}
	var total int64
	for i := range v.items {
		total += v.items[i].size
	}
	gone := make([]bool, len(v.items))
	drop := func(i int) {
		if s.discard(v, &v.items[i]) {
			gone[i] = true
			total -= v.items[i].size
		}
	}
	for i := range v.items {
		f := &v.items[i]
		if !f.removable() {
			continue
		}
		if !known[f.generation] { // as it was, or compressed: both may be there for a while
			known[f.generation] = true
			seen[f.family]++
		}
		if keep.Files > 0 && seen[f.family] > keep.Files || keep.Age > 0 && v.now.Sub(f.changed) > keep.Age {
			drop(i)
		}
	}
	for i := len(v.items) - 1; keep.Bytes > 0 && total > keep.Bytes && i >= 0; i-- {
		if f := &v.items[i]; f.removable() && !gone[i] {
			drop(i)
		}
	}
	n := 0
	for i := range v.items {
		if !gone[i] {
			v.items[n] = v.items[i]
			n++
		}
	}
	v.items = v.items[:n]
}

// removable reports whether Keep counts an item: nobody writes to it any more.
func (i *item) removable() bool { return !i.temp && (i.rotated || i.over()) }

// discard removes an item and the folders that become empty, and reports whether it is gone.
func (s *Sink) discard(v *survey, i *item) bool {
	remove := s.remove
	if !i.rotated {
		remove = s.removeIdle // somebody may write to it after all
	}
	if err := remove(i.name); err != nil {
		v.note(i.name, err)
		return false
	}
	if there, err := exists(s.disk, i.name); there || err != nil {
		return false
	}
	s.stats.removed.Add(1)
	s.stats.removedFrom.Add(i.size)
	s.removeFolders(i)
	return true
}

// removeFolders removes folders that are named by a time which is over, if they are empty. Whoever is about to make a file
// there makes the folder again.
func (s *Sink) removeFolders(i *item) {
	folder, current := path.Dir(i.log), path.Dir(i.current)
	for folder != current && !strings.HasPrefix(current+"/", folder+"/") {
		if s.disk.remove(folder) != nil {
			return
		}
		folder, current = path.Dir(folder), path.Dir(current)
	}
}
