package spool

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// A rig is a log on a disk of a test's own.
type rig struct {
	*Log
	t      testing.TB
	disk   *memDisk
	told   []Damage
	reader *Reader
}

const (
	testSegment = 400
	testMax     = 100_000
)

func openRig(t testing.TB, d *memDisk) *rig {
	t.Helper()
	return openRigOf(t, d, testMax, testSegment)
}

func openRigOf(t testing.TB, d *memDisk, most, segment int64) *rig {
	t.Helper()
	r := &rig{t: t, disk: d}
	var err error
	r.Log, err = Open(Config{Folder: d, MaxBytes: most, SegmentBytes: segment,
		Damaged: func(d Damage) { r.told = append(r.told, d) }})
	if err != nil {
		t.Fatal(err)
	}
	r.reader = r.Reader()
	return r
}

func items(texts ...string) (list []Item) {
	for _, text := range texts {
		list = append(list, item(text, len(text)))
	}
	return list
}

func item(text string, entries int) Item {
	return Item{append(make([]byte, HeaderBytes), text...), entries}
}

// appendFrame appends a frame without room.
func appendFrame(dst []byte, salt uint32, seq uint64, at time.Time, entries int, payload []byte) []byte {
	frame := item(string(payload), entries).Frame
	putHeader(frame, salt, header{seq: seq, at: at.UnixMilli(), entries: uint32(entries)})
	return append(dst, frame...)
}

func (r *rig) append(texts ...string) {
	r.t.Helper()
	if err := r.Append(items(texts...)); err != nil {
		r.t.Fatal(err)
	}
}

// read returns all there is to read, and how to say that it is delivered.
func (r *rig) read() (texts []string, done func()) {
	r.t.Helper()
	last := uint64(0)
	for {
		rec, err := r.reader.Next()
		if errors.Is(err, io.EOF) {
			return texts, func() { r.Done(last + 1) }
		}
		if err != nil {
			r.t.Fatal(err)
		}
		if rec.Entries != len(rec.Payload) {
			r.t.Fatalf("record %d: %d entries, want %d", rec.Seq, rec.Entries, len(rec.Payload))
		}
		last = rec.Seq
		texts = append(texts, string(rec.Payload))
	}
}

func (r *rig) want(texts ...string) (done func()) {
	r.t.Helper()
	got, done := r.read()
	if !slices.Equal(got, texts) {
		r.t.Fatalf("read %q, want %q", got, texts)
	}
	return done
}

func (r *rig) wantEmpty() {
	r.t.Helper()
	next, acked := r.Ends()
	if st := r.Stats(); next != acked || st.Records != 0 || st.Entries != 0 || st.Oldest != 0 {
		r.t.Fatalf("not empty: next %d, acked %d, %+v", next, acked, st)
	}
}

func TestReadsWhatWasAppended(t *testing.T) {
	r := openRig(t, newMemDisk())
	r.wantEmpty()
	r.append("a", "b")
	done := r.want("a", "b")
	r.append("c")
	if st := r.Stats(); st.Records != 3 || st.Entries != 3 || st.Bytes != 3*(HeaderBytes+1) {
		t.Errorf("%+v", st)
	}
	done()
	r.want("c")()
	r.wantEmpty()
	if len(r.told) > 0 {
		t.Errorf("told of %+v", r.told)
	}
}

// What is delivered is deleted, and is not there after a restart; what is not, is.
func TestReopens(t *testing.T) {
	d := newMemDisk()
	r := openRig(t, d)
	var want []string
	for i := range 100 {
		text := strings.Repeat(fmt.Sprint(i%10), i)
		r.append(text)
		want = append(want, text)
	}
	first, done := r.read()
	if !slices.Equal(first, want) {
		t.Fatal("not what was appended")
	}
	segments := len(d.names)
	if segments < 10 {
		t.Fatalf("%d segments", segments)
	}
	_ = done
	r.Done(51)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = openRig(t, d)
	st := r.Stats()
	if st.Records != 50 {
		t.Errorf("%+v", st)
	}
	r.append("later")
	r.want(append(want[50:], "later")...)()
	r.wantEmpty()
	if len(d.names) != 2 { // the segment that is written to, and the position
		t.Errorf("left: %d files", len(d.names))
	}
	r.Close()
	r = openRig(t, d)
	r.want()
	r.wantEmpty()
	r.append("last")
	r.want("last")()
	if len(r.told) > 0 {
		t.Errorf("told of %+v", r.told)
	}
}

// A segment goes as soon as it is delivered, also while there always is something read ahead.
func TestDeletesWhileReadingAhead(t *testing.T) {
	r := openRig(t, newMemDisk())
	text := strings.Repeat("x", testSegment)
	const records = 20
	for range records {
		r.append(text) // a segment each
	}
	for n := range records {
		rec, err := r.reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		r.Done(rec.Seq) // but not what was just read
		if st := r.Stats(); st.Records != int64(records-n) || st.Bytes != st.Records*(HeaderBytes+testSegment) {
			t.Fatalf("with %d records delivered: %+v", n, st)
		}
	}
	r.Done(records + 1)
	r.wantEmpty()
}

func TestFull(t *testing.T) {
	r := openRig(t, newMemDisk())
	long := strings.Repeat("x", 1000)
	n := 0
	for ; r.Append(items(long)) == nil; n++ {
	}
	if err := r.Append(items(long)); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	if err := r.Append(items(strings.Repeat(long, 100))); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	entries, ok := r.DropOldest()
	if !ok || entries != 1000 {
		t.Fatalf("dropped %d, %v", entries, ok)
	}
	r.append(long)
	if _, err := r.reader.Next(); err != nil {
		t.Fatal(err)
	}
	// What is being read stays, and what is written to: all between goes.
	dropped := 0
	for {
		if _, ok := r.DropOldest(); !ok {
			break
		}
		dropped++
	}
	if dropped != n-2 {
		t.Errorf("%d dropped of %d", dropped, n)
	}
	got, done := r.read()
	done()
	if len(got) != 1 || len(r.told) > 0 {
		t.Errorf("%d records after that, told of %+v", len(got), r.told)
	}
	r.wantEmpty()
}

// An empty log has room for the largest record, however little it may hold.
func TestEmptyTakesTheLargest(t *testing.T) {
	r := openRig(t, newMemDisk())
	large := strings.Repeat("x", testMax-HeaderBytes)
	for range 3 {
		if err := r.Append(items(large)); err != nil {
			if !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}
			r.want() // passes the sealed segment
			r.append(large)
		}
		r.want(large)()
		r.wantEmpty()
	}
}
