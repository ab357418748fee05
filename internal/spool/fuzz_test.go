package spool

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"
)

// FuzzSegment opens whatever a segment may hold: the frames in it that are whole are read, the walk ends, and what is
// appended afterwards is not lost.
func FuzzSegment(f *testing.F) {
	const name = "00000001-0000000000000001-00000000" + segmentSuffix
	one := appendFrame(nil, 0, 1, time.UnixMilli(1), 1, []byte("a"))
	two := appendFrame(one, 0, 2, time.UnixMilli(2), 1, []byte("b"))
	f.Add([]byte{})
	f.Add(two)
	f.Add(two[:len(two)-1])
	f.Add(append(bytes.Repeat(magic[:], 20), two...))
	f.Add(append(two, make([]byte, 100)...))
	f.Add(appendFrame(one, 0, 1<<64-1, time.UnixMilli(-1<<62), -1, nil))
	f.Add(appendFrame(one, 0, 0, time.UnixMilli(1<<62), 1<<30, nil))
	bad := append(bytes.Clone(one[:len(one)-1]), 'x')
	f.Add(appendFrame(bad, 0, 1<<64-1, time.UnixMilli(0), 1, nil))
	for _, room := range []uint32{1, 41, 100, 1 << 31, 1<<32 - 1} { // less than what follows, as much, and more
		roomy := bytes.Clone(two)
		putHeader(roomy[:len(one):len(one)], 0, header{seq: 1, at: 1, entries: 1, room: room})
		f.Add(roomy)
		f.Add(appendFrame(roomy, 0, 3, time.UnixMilli(3), 1, []byte("c")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := newMemDisk()
		d.names[name] = &inode{data: data}
		l, err := Open(Config{Folder: d, MaxBytes: testMax + int64(len(data)), SegmentBytes: testSegment})
		if err != nil {
			t.Fatal(err)
		}
		if next, _ := l.Ends(); next == 0 || next > 1<<63 {
			t.Skip("no writer gets that far")
		}
		if err := l.Append([]Item{item("new", 1)}); err != nil {
			t.Fatal(err)
		}
		r := l.Reader()
		last, seen := uint64(0), false
		for range len(data) + 10 {
			rec, err := r.Next()
			if errors.Is(err, io.EOF) {
				if !seen {
					t.Fatal("what was appended is lost")
				}
				l.Done(last + 1)
				if next, acked := l.Ends(); next != acked {
					t.Fatalf("all is read: next %d, acked %d", next, acked)
				}
				return
			}
			if err != nil || rec.Seq <= last {
				t.Fatalf("record %d after %d: %v", rec.Seq, last, err)
			}
			if rec.Age < 0 {
				t.Fatalf("age %v", rec.Age)
			}
			last, seen = rec.Seq, string(rec.Payload) == "new"
		}
		t.Fatal("it does not end")
	})
}
