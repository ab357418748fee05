package sink

import (
	"errors"
	"testing"
)

// Whatever a Sink lists, what is made of it is in the batch, in order, once, and with an error; no entry that is
// worth a retry becomes a permanent failure, and none is forgotten.
func FuzzFailures(f *testing.F) {
	f.Add(uint8(5), []byte{1, 0, 3, 1})
	f.Add(uint8(5), []byte{3, 2, 3, 1, 3, 0, 0, 0})
	f.Add(uint8(0), []byte{0, 0})
	f.Add(uint8(200), []byte{255, 0, 199, 1})
	f.Add(uint8(3), []byte{})
	plain := errors.New("plain")
	f.Fuzz(func(t *testing.T, size uint8, pairs []byte) {
		n := int(size)
		p := &PartialError{}
		retry, lists, valid := map[int]bool{}, map[int]bool{}, true
		for ; len(pairs) >= 2; pairs = pairs[2:] {
			g := Failure{Index: int(int8(pairs[0])), Err: plain}
			switch pairs[1] % 4 {
			case 1:
				g.Err = Permanent(plain)
			case 2:
				g.Err = nil
			case 3:
				g.Index += 100
			}
			lists[g.Index] = true
			retry[g.Index] = retry[g.Index] || !IsPermanent(g.Err)
			valid = valid && g.Index >= 0 && g.Index < n
			p.Failures = append(p.Failures, g)
		}
		before := append([]Failure(nil), p.Failures...)
		fs, whole := failuresOf(p, n)
		if (whole == nil) != valid {
			t.Fatalf("valid: %v, and yet %v", valid, whole)
		}
		if whole != nil {
			if _, again := errors.AsType[*PartialError](whole); again || IsPermanent(whole) {
				t.Fatalf("says what is not to be believed: %#v", whole)
			}
			return
		}
		if len(fs) != len(lists) || !tidy(fs) {
			t.Fatalf("%v of %v", fs, p.Failures)
		}
		for _, g := range fs {
			if !lists[g.Index] || IsPermanent(g.Err) == retry[g.Index] {
				t.Fatalf("entry %d: %v", g.Index, g.Err)
			}
		}
		for i, g := range before {
			if p.Failures[i] != g {
				t.Fatal("the Sink's error was changed")
			}
		}
	})
}
