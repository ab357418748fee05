package tail

import "time"

// A kin tells which files begin as those did whose cursors are left, without a
// look at each file for each cursor.
type kin struct {
	s       *scanner
	prints  map[print]struct{} // of those cursors
	lengths [printMax + 1]bool // of those prints
	files   map[print][]*file  // those that are followed, nil before they are asked for
	folders map[string]map[print][]string
}

func newKin(s *scanner) *kin {
	k := &kin{s: s, prints: map[print]struct{}{}, folders: map[string]map[print][]string{}}
	for _, m := range s.orphans {
		if n := m.print.n; n > 0 && n <= printMax {
			k.prints[m.print], k.lengths[n] = struct{}{}, true
		}
	}
	return k
}

// of returns which of the prints are of files that begin with prefix.
func (k *kin) of(prefix []byte) (all []print) {
	h := newHash
	for i, c := range prefix[:min(len(prefix), printMax)] {
		if h = h.add(c); !k.lengths[i+1] {
			continue
		}
		p := print{i + 1, uint64(h)}
		if _, ok := k.prints[p]; ok {
			all = append(all, p)
		}
	}
	return all
}

// followed are the files that begin with p, as far as they are followed and not
// compressed.
func (k *kin) followed(p print) []*file {
	if k.files == nil {
		k.files = map[print][]*file{}
		for _, f := range k.s.heads.sorted {
			for _, p := range k.of(f.prefix) {
				k.files[p] = append(k.files[p], f)
			}
		}
	}
	return k.files[p]
}

// others are the paths in dir of files that begin with p, as far as they are
// neither followed nor compressed.
func (k *kin) others(p print, dir string, now time.Time) []string {
	in := k.folders[dir]
	if in == nil {
		in = map[print][]string{}
		k.folders[dir] = in
		for _, path := range joinAll(dir, k.s.list(dir, now).names) {
			c := k.s.openCandidate(path)
			if c == nil {
				continue
			}
			n, _ := c.h.ReadAt(k.s.buf[:printMax], 0)
			for _, p := range k.of(k.s.buf[:n]) {
				in[p] = append(in[p], path)
			}
			c.h.Close()
		}
	}
	return in[p]
}
