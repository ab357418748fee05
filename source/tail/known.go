package tail

// same reports whether h is f, as far as its content tells in short. If it cannot
// be read, nothing speaks against that.
func (s *scanner) same(f *file, h *handle) bool {
	if f.usurped(h.path()) {
		return false
	}
	if f.packed == unpacked {
		ok, err := f.mark().check(h, s.buf)
		return ok || err != nil
	}
	u := newUnpacker(h.file, f.packed, 0, s.MaxUnpacked)
	defer u.release()
	ok, _ := u.resumes(f.mark(), s.buf)
	return ok || f.print.n == 0
}

// usurped reports whether what is at path, with the number of f, which is closed,
// is another file by its name alone. If f was empty, or nothing is known of what it
// holds, its content cannot tell: then it is where it was, or in that folder.
func (f *file) usurped(path string) bool {
	switch {
	case f.packed == unpacked && packedKind(path) != unpacked:
		return true
	case f.print.n > 0:
		return false
	}
	return dirOf(path) != dirOf(f.placed()) && idOf(f.at) != f.id
}
