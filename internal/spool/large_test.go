package spool

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// largeGroups are written by gathering, apart, and by turns, and end with room and without, at the sizes where that
// changes, or beside them.
func largeGroups(beside int) [][]string {
	letter := byte('a')
	text := func(frame int) string {
		letter++
		return strings.Repeat(string(letter), frame-HeaderBytes)
	}
	return [][]string{{text(100)}, {text(apartBytes + beside)}, {text(16*leastAlign + beside)},
		{text(60), text(apartBytes + beside), text(apartBytes + beside), text(50)}}
}

// largeLogs calls f with a log of largeGroups each.
func largeLogs(t *testing.T, f func(*testing.T, *largeLog)) {
	for _, beside := range []int{-1, 0, 1} {
		t.Run(fmt.Sprint(beside), func(t *testing.T) { f(t, writeLarge(t, largeGroups(beside))) })
	}
}

// A log of large groups and small ones that is cut anywhere, as by a crash, has the records that are whole, and tells of
// nothing else. The offsets are all those beside an edge of something, and some in between.
func TestLargeCutAnywhere(t *testing.T) { largeLogs(t, largeCutAnywhere) }

func largeCutAnywhere(t *testing.T, l *largeLog) {
	for _, off := range l.offsets() {
		cut := l.disk.crash(nil)
		cut.names[l.name].data = slices.Clone(l.data[:off])
		again := bigRig(t, cut)
		n := 0
		for n < len(l.ends) && int64(off) >= l.ends[n] {
			n++
		}
		again.append("new")
		again.want(append(slices.Clone(l.texts[:n]), "new")...)()
		again.wantEmpty()
		if len(again.told) > 0 {
			t.Fatalf("cut at %d: told of %+v", off, again.told)
		}
	}
}

// Of the same log, one bit that is wrong costs the record that it belongs to, which is told of, and no other.
func TestLargeHurtAnywhere(t *testing.T) { largeLogs(t, largeHurtAnywhere) }

func largeHurtAnywhere(t *testing.T, l *largeLog) {
	for i, off := range l.offsets() {
		if off == len(l.data) {
			continue
		}
		hurt := l.disk.crash(nil)
		hurt.names[l.name].data[off] ^= 1 << (i % 8)
		again := bigRig(t, hurt)
		again.append("new")
		want := append(slices.Clone(l.texts), "new")
		lost := 0
		for n := range l.ends {
			if l.starts[n] <= int64(off) && int64(off) < l.ends[n] {
				want = slices.Delete(want, n, n+1)
				lost = 1
			}
		}
		again.want(want...)()
		again.wantEmpty()
		if got := again.Stats().Found.Records; got != int64(lost) || len(again.told) != lost {
			t.Fatalf("byte %d: want %d lost, told of %+v", off, lost, again.told)
		}
	}
}

// A largeLog is a segment with largeGroups, and where its frames begin and end, without room.
type largeLog struct {
	disk         *memDisk
	name         string
	data         []byte
	texts        []string
	starts, ends []int64
}

func writeLarge(t *testing.T, groups [][]string) *largeLog {
	t.Helper()
	r := bigRig(t, newMemDisk())
	l := &largeLog{disk: r.disk}
	for _, group := range groups {
		at := r.sizeNow()
		r.append(group...)
		for _, text := range group {
			l.starts = append(l.starts, at)
			at += HeaderBytes + int64(len(text))
			l.ends = append(l.ends, at)
		}
		l.texts = append(l.texts, group...)
	}
	l.name, l.data = r.file.name, r.last().data
	return l
}

// sizeNow is how long the segment is that is written to.
func (r *rig) sizeNow() int64 {
	if r.active == nil {
		return 0
	}
	return r.file.size
}

// offsets are those in the header of each frame, beside its end, and beside the beginning of the next, and some others.
func (l *largeLog) offsets() (list []int) {
	for i, start := range l.starts {
		for off := start - 1; off <= start+HeaderBytes; off++ {
			list = append(list, int(off))
		}
		for off := l.ends[i] - 1; off <= l.ends[i]+1; off++ {
			list = append(list, int(off))
		}
	}
	for off := 0; off < len(l.data); off += 40_009 {
		list = append(list, off)
	}
	list = append(list, len(l.data)-1, len(l.data))
	slices.Sort(list)
	list = slices.Compact(list)
	return slices.DeleteFunc(list, func(off int) bool { return off < 0 || off > len(l.data) })
}
