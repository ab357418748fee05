package sink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// sameEntries compares what a record holds with entries of a batch.
func sameEntries(t *testing.T, got *batch.Batch, want *batch.Batch, lo, hi int) {
	t.Helper()
	if len(got.Entries) != hi-lo {
		t.Fatalf("%d entries, want %d", len(got.Entries), hi-lo)
	}
	for i := lo; i < hi; i++ {
		g, w := got.Entries[i-lo], want.Entries[i]
		if !g.Time.Equal(w.Time) || g.Time.IsZero() != w.Time.IsZero() || !bytes.Equal(g.Line, w.Line) ||
			g.Labels != want.LabelsOf(i) || !slices.Equal(g.Attrs, w.Attrs) {
			t.Fatalf("entry %d is %+v, want %+v", i, g, w)
		}
	}
}

func TestRecord(t *testing.T) {
	b := batch.New(nil, batch.MustLabels("app", "shop"))
	b.Append(time.Time{}, nil)
	b.Append(time.Unix(-1, 5), []byte("\x00\xff"), batch.Attr{Key: "k\xff", Value: ""})
	b.Append(time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("east", 3600)), []byte("line"), batch.Attr{Key: "a", Value: "b"}, batch.Attr{Key: "a", Value: "c"})
	b.Entries[1].Labels = batch.MustLabels("app", "käse", "env", "prod")
	record, hi := appendRecord(nil, b, 0)
	if hi != 3 {
		t.Fatalf("%d entries in a record", hi)
	}
	got := batch.New(nil, batch.Labels{})
	if err := decodeRecord(got, record); err != nil {
		t.Fatal(err)
	}
	clear(record) // nothing of it is kept
	sameEntries(t, got, b, 0, 3)
}

// A large batch makes several records, and an entry that is larger than one of its own.
func TestRecordsAreBounded(t *testing.T) {
	b := batch.New(nil, batch.Labels{})
	for i := range 9 {
		b.Append(time.Unix(int64(i), 0), []byte(strings.Repeat("x", recordBytes/3)))
	}
	b.Append(time.Unix(9, 0), make([]byte, 3*recordBytes))
	b.Append(time.Unix(10, 0), []byte("last"))
	var sizes []int
	for lo := 0; lo < len(b.Entries); {
		record, hi := appendRecord(nil, b, lo)
		got := batch.New(nil, batch.Labels{})
		if err := decodeRecord(got, record); err != nil {
			t.Fatal(err)
		}
		sameEntries(t, got, b, lo, hi)
		sizes = append(sizes, hi-lo)
		lo = hi
	}
	if !slices.Equal(sizes, []int{3, 3, 3, 1, 1}) {
		t.Errorf("records of %v entries", sizes)
	}
}

// What is cut, or claims more than it holds, is refused whole, and takes no memory.
// A giant that is left for the next record takes no memory of this one.
func TestRecordBeforeAGiant(t *testing.T) {
	b := batch.New(nil, batch.Labels{})
	b.Append(time.Now(), []byte("small"))
	b.Append(time.Now(), make([]byte, 4*recordBytes))
	record, hi := appendRecord(nil, b, 0)
	if hi != 1 || cap(record) > 1<<10 {
		t.Errorf("%d entries in a record with memory for %d bytes", hi, cap(record))
	}
}

func TestRecordHostile(t *testing.T) {
	b := batch.New(nil, batch.MustLabels("app", "shop"))
	b.Append(time.Unix(1, 2), []byte("line"), batch.Attr{Key: "a", Value: "b"})
	whole, _ := appendRecord(nil, b, 0)
	huge := binary.AppendUvarint(nil, 1<<62)
	hostile := [][]byte{nil, {2}, append(slices.Clone(whole), 0), append([]byte{recordVersion}, huge...),
		append([]byte{recordVersion, 0}, huge...), append([]byte{recordVersion, 1}, huge...)}
	for n := range whole {
		hostile = append(hostile, whole[:n])
	}
	for _, record := range hostile {
		got := batch.New(nil, batch.Labels{})
		if err := decodeRecord(got, record); !errors.Is(err, errRecord) || len(got.Entries) > 0 || got.Memory() > 0 {
			t.Errorf("%x: %v, %d entries, %d bytes", record, err, len(got.Entries), got.Memory())
		}
	}
	if err := decodeRecord(batch.New(nil, batch.Labels{}), []byte{2}); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("another version: %v", err)
	}
}

// FuzzRecord: whatever is decoded is encoded to what decodes to the same.
func FuzzRecord(f *testing.F) {
	b := batch.New(nil, batch.MustLabels("app", "shop"))
	b.Append(time.Unix(1, 2), []byte("line"), batch.Attr{Key: "a", Value: "b"})
	b.Append(time.Time{}, []byte("\xff"))
	b.Entries[1].Labels = batch.MustLabels("env", "prod")
	record, _ := appendRecord(nil, b, 0)
	f.Add(record)
	f.Add(record[:len(record)-1])
	f.Add([]byte{recordVersion, 0, 0})
	f.Fuzz(func(t *testing.T, record []byte) {
		first := batch.New(nil, batch.Labels{})
		if err := decodeRecord(first, record); err != nil {
			if len(first.Entries) > 0 {
				t.Fatalf("%d entries of a bad record", len(first.Entries))
			}
			return
		}
		if len(first.Entries) == 0 {
			return
		}
		again, hi := appendRecord(nil, first, 0)
		second := batch.New(nil, batch.Labels{})
		if err := decodeRecord(second, again); err != nil {
			t.Fatal(err)
		}
		sameEntries(t, second, first, 0, hi)
	})
}
