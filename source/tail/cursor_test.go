package tail

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/logferry/logferry/source/record"
)

var someCursors = []cursor{
	{path: "/var/log/app.log"},
	{path: "/a b/\xff\n", real: "/c"},
	{
		id: identity{0x801, 0x3f2a}, epoch: 7, mtime: 1 << 60, whole: 0x77, path: "/x", real: "/y/x.1",
		mark: mark{print: print{printMax, 1<<64 - 1}, offset: 1 << 62, anchor: 1 << 63},
	},
	{path: "/x", mtime: 7, mark: mark{offset: 0x10}, passed: passed{record.Stderr, 0x2f}},
	{path: "/x", real: "/y", passed: passed{record.Stdout, 1 << 62}},
}

func TestCursorText(t *testing.T) {
	for _, c := range someCursors {
		got, err := parseCursor(c.String())
		if err != nil || got != c {
			t.Errorf("%q: got %+v, %v, want %+v", c.String(), got, err, c)
		}
	}
	c := someCursors[2]
	// What stands in checkpoints of earlier releases stays readable.
	if got, want := c.String(), "2 801 3f2a 400 ffffffffffffffff 7 4000000000000000 8000000000000000 1000000000000000 77 /x\x00/y/x.1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := someCursors[3].String(), "3 0 0 0 0 0 10 0 7 0 2 2f /x"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, bad := range []string{
		"3 0 0 0 0 0 10 0 7 0 0 2f /x", "3 0 0 0 0 0 10 0 7 0 3 2f /x", "3 0 0 0 0 0 10 0 7 0 1 10 /x", "3 0 0 0 0 0 10 0 7 0 1 4000000000000001 /x",
		"3 0 0 0 0 0 10 0 7 0 1 2f", "3 0 0 0 0 0 10 0 7 0 /x", "3 0 0 0 0 0 10 0 7 0 1 2f ", "4 0 0 0 0 0 10 0 7 0 1 2f /x", "0 1 1 1 1 1 1 1 1 1 /x",
		"", "2", "1 1 1 1 1 1 1 1 1 1 /x", "2 1 1 1 1 1 1 1 1 1 ", "2 1 1 1 1 1 1 1 1 1", "2 1 1 1 1 1 1 1 1 4000000000000001 /x", "2 1 1 401 1 1 1 1 1 1 /x", "2 1 1 1 1 1 4000000000000001 1 1 1 /x",
		"2 01 1 1 1 1 1 1 1 1 /x", "2 A 1 1 1 1 1 1 1 1 /x", "2 -1 1 1 1 1 1 1 1 1 /x", "2 1 1 1 1 1 1 1 1 1 /x\x00", "2 1 1 1 1 1 1 1 1 1 /x\x00y\x00z",
	} {
		if c, err := parseCursor(bad); err == nil {
			t.Errorf("%q: accepted as %+v", bad, c)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	for _, c := range someCursors {
		f.Add(c.String())
	}
	f.Add("1 1 1 401 1 1 1 1 1 /x")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseCursor(s)
		if err == nil && c.String() != s {
			t.Errorf("%q is accepted, but written as %q", s, c.String())
		}
	})
}

// memFile is a file in memory.
type memFile struct{ *bytes.Reader }

func (memFile) Close() error { return nil }

func TestMark(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	text := make([]byte, 5000)
	for i := range text {
		text[i] = byte(rnd.IntN(256))
	}
	buf := make([]byte, printMax)
	holds := func(m mark, text []byte) bool { return m.holds(memFile{bytes.NewReader(text)}, buf) }
	for range 2000 {
		size := rnd.IntN(len(text))
		offset := rnd.IntN(size + 1)
		m := mark{print: printOf(text[:rnd.IntN(min(size, printMax)+1)]), offset: int64(offset), anchor: anchorOf(text[:offset])}
		if !holds(m, text[:size]) || !holds(m, text) {
			t.Fatalf("%+v does not hold its own file of %d bytes", m, size)
		}
		if offset > 0 && holds(m, text[:rnd.IntN(offset)]) {
			t.Fatalf("%+v holds a file that ends before its offset", m)
		}
		// One byte is different.
		changed := bytes.Clone(text[:size])
		if size == 0 {
			continue
		}
		at := rnd.IntN(size)
		changed[at] ^= 1
		seen := at < m.print.n || at < offset && at >= offset-anchorMax
		if holds(m, changed) == seen {
			t.Fatalf("%+v: byte %d changed: holds %v", m, at, !seen)
		}
	}
}
