package spool

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// bigRig is a log whose segments take more than small ones.
func bigRig(t *testing.T, d *memDisk) *rig {
	t.Helper()
	return openRigOf(t, d, 64<<20, 4<<20)
}

// last returns the file that is written to.
func (r *rig) last() *inode {
	r.t.Helper()
	i := r.disk.names[r.file.name]
	if i == nil {
		r.t.Fatal("there is no segment")
	}
	return i
}

// Groups of some size each begin at the edge of a block or of several, and small ones wherever there is room.
func TestRoom(t *testing.T) {
	for _, c := range []struct {
		size, align int
	}{{100, 1}, {60 << 10, 1}, {70 << 10, 4 << 10}, {300 << 10, 16 << 10}, {1 << 20, 64 << 10}, {3 << 20, 64 << 10}} {
		r := bigRig(t, newMemDisk())
		text := strings.Repeat("x", c.size)
		r.append(text)
		if end := len(r.last().data); end%c.align != 0 || end-c.size-HeaderBytes >= c.align {
			t.Errorf("%d bytes end at %d, want a multiple of %d", c.size, end, c.align)
		}
		r.append("small", "smaller")
		r.append(text)
		r.want(text, "small", "smaller", text)()
		r.wantEmpty()
		if len(r.told) > 0 || r.Stats().Found.Torn > 0 {
			t.Errorf("told of %+v, %+v", r.told, r.Stats())
		}
	}
}

// Where MaxBytes has space for a group and not for room behind it, there is none.
func TestRoomIsWithinMaxBytes(t *testing.T) {
	const most = 81<<10 + 1
	r := openRigOf(t, newMemDisk(), most, most)
	text := strings.Repeat("x", most-HeaderBytes)
	r.append(text)
	if got := r.Stats().Bytes; got != most {
		t.Errorf("%d bytes", got)
	}
	r.want(text)()
	r.wantEmpty()
}

// Whatever becomes of the room behind a record costs nothing.
func TestRoomDamaged(t *testing.T) {
	d := newMemDisk()
	r := bigRig(t, d)
	first, second := strings.Repeat("a", 70<<10), strings.Repeat("b", 70<<10)
	r.append(first)
	r.append(second)
	name, whole := r.file.name, r.last().data
	from := HeaderBytes + len(first)
	to := (from + 4<<10 - 1) &^ (4<<10 - 1)
	if to-from < 100 {
		t.Fatalf("room from %d to %d", from, to)
	}
	for off := from; off < to; off += 37 {
		hurt := d.crash(nil)
		hurt.names[name].data[off] ^= 0x80
		copy(hurt.names[name].data[to-4:], magic[:])
		again := bigRig(t, hurt)
		again.want(first, second)()
		again.wantEmpty()
		if len(again.told) > 0 {
			t.Fatalf("byte %d: told of %+v", off, again.told)
		}

		cut := d.crash(nil)
		cut.names[name].data = slices.Clone(whole[:off])
		again = bigRig(t, cut)
		again.append("new")
		again.want(first, "new")()
		again.wantEmpty()
		if torn := again.Stats().Found.Torn; len(again.told) > 0 || torn > 0 {
			t.Fatalf("cut at %d: told of %+v, %d bytes torn", off, again.told, torn)
		}
	}
}

// A segment has the space it may come to in two pieces, and gives back what it does not need: when it ends, when the
// log is closed, and after a crash.
func TestReserve(t *testing.T) {
	d := newMemDisk()
	r := bigRig(t, d)
	text := strings.Repeat("x", 100<<10)
	asked := 0
	d.fail = func(_ int, op string) error {
		if op == "reserve" {
			asked++
		}
		return nil
	}
	wantSpace := func(when string, space int64, times int) {
		t.Helper()
		if got := r.last().space; got != space || asked != times {
			t.Errorf("%s: %d bytes, asked for %d times; want %d, %d", when, got, asked, space, times)
		}
	}
	r.append("small")
	wantSpace("at first", 256<<10, 1)
	r.append(text)
	r.append(text)
	wantSpace("within it", 256<<10, 1)
	r.append(text)
	wantSpace("beyond it", 4<<20, 2)

	crashed := d.crash(nil)
	if crashed.names[r.file.name].space != 4<<20 {
		t.Fatal("the crash leaves nothing reserved")
	}
	after := bigRig(t, crashed)
	if i := crashed.names[r.file.name]; i.space != int64(len(i.data)) {
		t.Errorf("after a crash %d bytes are reserved for %d", i.space, len(i.data))
	}
	after.want("small", text, text, text)()

	sealed := r.last()
	for r.last() == sealed {
		r.append(text)
	}
	if sealed.space != int64(len(sealed.data)) {
		t.Errorf("the segment has ended with %d bytes of which %d are reserved", len(sealed.data), sealed.space)
	}
	wantSpace("of the next one", 256<<10, 3)
	open := r.last()
	if err := r.Close(); err != nil || open.space != int64(len(open.data)) {
		t.Errorf("closed with %d bytes of which %d are reserved, %v", len(open.data), open.space, err)
	}
}

// What is reserved never goes beyond MaxBytes, whatever else there is.
func TestReserveIsWithinMaxBytes(t *testing.T) {
	const most = 1 << 20
	r := openRigOf(t, newMemDisk(), most, most/2)
	text := strings.Repeat("x", 60<<10)
	for r.Append(items(text)) == nil {
		space := int64(0)
		for _, i := range r.disk.names {
			space += max(i.space, int64(len(i.data)))
		}
		if space -= slots * slotBytes; space > most {
			t.Fatalf("%d bytes are taken", space)
		}
	}
	if len(r.segments) < 2 {
		t.Errorf("%d segments", len(r.segments))
	}
}

// A disk that has no space to reserve, or does not know how, is asked once for each segment, keeps nothing of it, and is
// written to all the same.
func TestReserveFails(t *testing.T) {
	d := newMemDisk()
	r := bigRig(t, d)
	asked := 0
	d.fail = func(_ int, op string) error {
		if op == "reserve" {
			asked++
			return errStep(op)
		}
		return nil
	}
	var want []string
	for i := range 20 {
		text := fmt.Sprint(i, strings.Repeat("x", 100<<10))
		r.append(text)
		want = append(want, text)
		if i := r.last(); i.space > 0 {
			t.Fatalf("%d bytes are reserved", i.space)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	r.want(want...)()
	r.wantEmpty()
}
