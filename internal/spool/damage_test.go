package spool

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// smallLog is a disk with a few records in two segments, the names of these, and the records' texts.
func smallLog(t *testing.T) (*memDisk, []string, []string) {
	t.Helper()
	d := newMemDisk()
	var texts []string
	r := openRig(t, d)
	for i := range 8 {
		text := fmt.Sprintf("record %d %s", i, strings.Repeat("abc", i))
		if i == 3 { // what looks like frames, to who does not know the salt
			text = string(appendFrame(nil, 7, 4, testTime, 1, bytes.Repeat(magic[:], 5)))
		}
		texts = append(texts, text)
		r.append(text)
	}
	r.Close()
	var segments []string
	for name := range d.names {
		if strings.HasSuffix(name, segmentSuffix) {
			segments = append(segments, name)
		}
	}
	slices.Sort(segments)
	if len(segments) != 2 {
		t.Fatalf("%d segments", len(segments))
	}
	return d, segments, texts
}

// frameAt returns which record of the log lies at an offset of a segment.
func frameAt(t *testing.T, d *memDisk, segment string, off int64) uint64 {
	t.Helper()
	s, _ := parseSegmentName(segment)
	file, err := d.Open(segment)
	if err != nil {
		t.Fatal(err)
	}
	scan := scanner{file: file, salt: s.salt, size: int64(len(d.names[segment].data))}
	for at := int64(0); ; {
		f, err := scan.next(at, true)
		if err != nil || f.kind != frame {
			t.Fatalf("no frame at %d: %v", at, err)
		}
		if off < f.end {
			return f.seq
		}
		at = f.end
	}
}

// A flipped bit, wherever it is, costs the record that has it and no other; it is told of, and its bytes are kept.
func TestBitFlipAnywhere(t *testing.T) {
	d, segments, texts := smallLog(t)
	flips := 0
	for _, segment := range segments {
		for off := range d.names[segment].data {
			for _, mask := range []byte{1, 0x80} {
				flips++
				hurt := d.crash(nil)
				hurt.names[segment].data[off] ^= mask
				victim := frameAt(t, d, segment, int64(off))
				r := openRig(t, hurt)
				r.append("new")
				want := slices.Delete(slices.Clone(texts), int(victim)-1, int(victim))
				r.want(append(want, "new")...)()
				r.wantEmpty()
				if len(r.told) != 1 || r.told[0].Records != 1 || r.told[0].Segment != segment || r.told[0].Err != nil ||
					int64(off) < r.told[0].Offset || int64(off) >= r.told[0].Offset+r.told[0].Bytes {
					t.Fatalf("%s, bit %#x of byte %d: told of %+v", segment, mask, off, r.told)
				}
				kept := hurt.names[r.told[0].Kept]
				if kept == nil || int64(len(kept.data)) != r.told[0].Bytes || len(kept.synced) != len(kept.data) {
					t.Fatalf("byte %d: not kept: %+v", off, r.told)
				}
				r.Close()
			}
		}
	}
	t.Logf("%d flips: each cost one record, and was told of", flips)
}

// A write that was torn, wherever it was, costs the records that were not whole; what an earlier segment lacks is told
// of as missing, and the last one's end was never acknowledged.
func TestTornAnywhere(t *testing.T) {
	d, segments, texts := smallLog(t)
	cuts := 0
	for which, segment := range segments {
		whole := d.names[segment].data
		for off := range whole {
			for _, zeros := range []bool{false, true} {
				cuts++
				hurt := d.crash(nil)
				data := slices.Clone(whole[:off])
				if zeros { // the length was there before the bytes
					data = append(data, make([]byte, len(whole)-off)...)
				}
				hurt.names[segment].data = data
				victim := int(frameAt(t, d, segment, int64(off))) - 1
				end := len(texts)
				if which == 0 {
					end = int(frameAt(t, d, segments[1], 0)) - 1
				}
				r := openRig(t, hurt)
				r.append("new")
				got, done := r.read()
				done()
				want := append(slices.Concat(texts[:victim], texts[end:]), "new")
				if !slices.Equal(got, want) {
					t.Fatalf("cut at %d of %s: read %q, want %q", off, segment, got, want)
				}
				lost := int64(0)
				for _, d := range r.told {
					lost += d.Records
				}
				st := r.Stats()
				if which == 0 && lost != int64(end-victim) {
					t.Fatalf("cut at %d of %s: %d records told to be lost, want %d: %+v", off, segment, lost, end-victim, r.told)
				}
				if which == 1 && !zeros && (len(r.told) > 0 || st.Found.Torn != int64(off)-frameStart(t, d, segment, victim)) {
					t.Fatalf("cut at %d of %s: told of %+v, %d bytes torn", off, segment, r.told, st.Found.Torn)
				}
				r.wantEmpty()
				r.Close()
			}
		}
	}
	t.Logf("%d cuts: each cost what was cut", cuts)
}

// frameStart returns where the record with that index begins.
func frameStart(t *testing.T, d *memDisk, segment string, index int) int64 {
	t.Helper()
	for off := int64(0); ; off++ {
		if int(frameAt(t, d, segment, off))-1 == index {
			return off
		}
	}
}

// What cannot be read for a while is read later; what never can costs the records on that spot.
func TestUnreadable(t *testing.T) {
	for _, lasting := range []bool{false, true} {
		t.Run(fmt.Sprint("lasting=", lasting), func(t *testing.T) {
			d := newMemDisk()
			r := openRig(t, d)
			var texts []string
			for i := range 40 {
				texts = append(texts, strings.Repeat(string(rune('a'+i%26)), 1000))
				r.append(texts[i])
			}
			r.Close()
			bad := &badSpot{memDisk: d, from: 500, to: 600}
			var told []Damage
			l, err := Open(Config{Folder: bad, MaxBytes: testMax, SegmentBytes: testSegment, Damaged: func(d Damage) { told = append(told, d) }})
			if err != nil {
				t.Fatal(err)
			}
			bad.left = 100 // most of a minute, as often as Next is asked
			if lasting {
				bad.left = 1 << 30
			}
			reader, failures, got := l.Reader(), 0, 0
			for got+len(told) < len(texts) {
				rec, err := reader.Next()
				if err != nil {
					if failures++; failures > 100*triesBeforeSalvage {
						t.Fatalf("%d records, told of %d, then %v", got, len(told), err)
					}
					continue
				}
				if string(rec.Payload) != texts[rec.Seq-1] {
					t.Fatalf("record %d is %q", rec.Seq, rec.Payload)
				}
				got++
				l.Done(rec.Seq + 1)
			}
			t.Logf("%d failed reads, %d records, %d lost", failures, got, len(told))
			if failures == 0 || !lasting && got != len(texts) || lasting && got != 0 {
				t.Errorf("%d failed reads, %d records of %d", failures, got, len(texts))
			}
		})
	}
}

// What cannot be read while it is opened is not taken for absent: new records come after it.
func TestUnreadableAtOpen(t *testing.T) {
	d, segments, texts := smallLog(t)
	bad := &badSpot{memDisk: d, to: 1 << 20, left: 1 << 30}
	cfg := Config{Folder: bad, MaxBytes: testMax, SegmentBytes: testSegment}
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(items("new")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Reader().Next(); err == nil {
		t.Fatal("it could be read")
	}
	bad.left = 0
	r := openRig(t, d.crash(nil))
	r.want(append(texts, "new")...)()
	r.wantEmpty()
	if len(r.told) > 0 {
		t.Errorf("%d segments; told of %+v", len(segments), r.told)
	}
}

// A badSpot is a disk whose files cannot be read between two offsets for a number of times.
type badSpot struct {
	*memDisk
	from, to int64
	left     int
}

func (d *badSpot) Open(name string) (File, error) {
	f, err := d.memDisk.Open(name)
	return badFile{f, d}, err
}

type badFile struct {
	File
	spot *badSpot
}

func (f badFile) ReadAt(p []byte, off int64) (int, error) {
	if off < f.spot.to && off+int64(len(p)) > f.spot.from && f.spot.left > 0 {
		f.spot.left--
		return 0, syscall.EIO
	}
	return f.File.ReadAt(p, off)
}

// A file that somebody removed is told of, and does not stop the others.
func TestSegmentGone(t *testing.T) {
	d, segments, texts := smallLog(t)
	r := openRig(t, d)
	delete(d.names, segments[0])
	first := int(frameAt(t, d, segments[1], 0)) - 1
	r.want(texts[first:]...)()
	if len(r.told) != 1 || r.told[0].Records != int64(first) || r.told[0].Segment != segments[0] {
		t.Errorf("told of %+v", r.told)
	}
	r.wantEmpty()
}

// Copies of damage have a bound.
func TestQuarantineIsBounded(t *testing.T) {
	d, segments, texts := smallLog(t)
	d.names["00000001-0000000000000001-00000000-0.damaged"] = &inode{data: make([]byte, quarantineBytes)}
	d.names[segments[0]].data[3] ^= 1
	r := openRig(t, d)
	r.want(texts[1:]...)()
	if len(r.told) != 1 || r.told[0].Kept != "" || r.told[0].Err == nil {
		t.Errorf("told of %+v", r.told)
	}
}

// A region full of magic numbers is searched in one pass.
func TestResyncIsLinear(t *testing.T) {
	d, segments, texts := smallLog(t)
	name := segments[1]
	d.names[name].data = append(bytes.Repeat(magic[:], 1<<20), d.names[name].data...)
	reads := 0
	d.fail = func(_ int, op string) error {
		if op == "read" {
			reads++
		}
		return nil
	}
	r := openRig(t, d)
	r.want(texts...)()
	if reads > 1000 {
		t.Errorf("%d reads of %d bytes", reads, len(d.names[name].data))
	}
}
