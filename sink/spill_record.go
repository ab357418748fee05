package sink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/logferry/logferry/batch"
)

// A record of the queue is some entries of one batch:
//
//	version 1 | label sets | entries
//
// where a label set is its number of labels and, for each, name and value, and an entry is the number of its set, its
// time in seconds and nanoseconds since 1970, its line, its number of attributes and, for each, key and value. All
// numbers are varints, texts are preceded by their length, and so are the sets and the entries by their number.

const recordVersion = 1

var errRecord = errors.New("sink: no record of a spill")

// recordBytes is what a record holds of lines and attributes, unless a single entry is larger: reading one takes that
// much memory.
const recordBytes = 512 << 10

// entryBytes is what an entry mostly takes beside its line and attributes.
const entryBytes = 20

// appendRecord appends the record of entries lo and following of b, as many as fit, and returns the first that did not.
func appendRecord(dst []byte, b *batch.Batch, lo int) (_ []byte, hi int) {
	size := 0
	var sets labelSets
	for hi = lo; hi < len(b.Entries); hi++ {
		one := b.Entries[hi].Size()
		if size+one > recordBytes && hi > lo {
			break
		}
		size += one
		sets.number(b.LabelsOf(hi))
	}
	// Or it would grow bit by bit, and be copied each time. A sixteenth is for the room that the spool puts behind it.
	size += entryBytes * (hi - lo)
	dst = slices.Grow(dst, size+size/16)
	dst = append(dst, recordVersion)
	dst = binary.AppendUvarint(dst, uint64(len(sets.all)))
	for _, l := range sets.all {
		dst = binary.AppendUvarint(dst, uint64(l.Len()))
		for name, value := range l.All() {
			dst = appendText(appendText(dst, name), value)
		}
	}
	dst = binary.AppendUvarint(dst, uint64(hi-lo))
	for i := lo; i < hi; i++ {
		dst = appendEntry(dst, &b.Entries[i], sets.number(b.LabelsOf(i)))
	}
	return dst, hi
}

// labelSets numbers the label sets of a record, from 0. Neighbours mostly have the same, which is not looked up then.
type labelSets struct {
	all     []batch.Labels
	numbers map[batch.Labels]uint64
	last    uint64
}

func (s *labelSets) number(l batch.Labels) uint64 {
	if len(s.all) > 0 && s.all[s.last] == l {
		return s.last
	}
	if n, known := s.numbers[l]; known {
		s.last = n
		return n
	}
	s.last = uint64(len(s.all))
	s.all = append(s.all, l)
	if s.numbers == nil {
		s.numbers = map[batch.Labels]uint64{}
	}
	s.numbers[l] = s.last
	return s.last
}

func appendEntry(dst []byte, e *batch.Entry, set uint64) []byte {
	dst = binary.AppendUvarint(dst, set)
	dst = binary.AppendVarint(dst, e.Time.Unix())
	dst = binary.AppendUvarint(dst, uint64(e.Time.Nanosecond()))
	dst = appendText(dst, e.Line)
	dst = binary.AppendUvarint(dst, uint64(len(e.Attrs)))
	for _, a := range e.Attrs {
		dst = appendText(appendText(dst, a.Key), a.Value)
	}
	return dst
}

func appendText[T string | []byte](dst []byte, text T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// decodeRecord appends the entries of a record to b, each with its labels, or nothing if it is none.
func decodeRecord(b *batch.Batch, record []byte) error {
	d := recordDecoder{rest: record}
	sets, err := d.sets()
	if err != nil {
		return err
	}
	// One look before anything is kept: what claims to have more than it holds takes no memory.
	look := d
	if err := look.entries(sets, nil); err != nil {
		return err
	}
	memory := b.Buffer(len(d.rest))
	copy(memory, d.rest)
	d.rest = memory
	return d.entries(sets, b)
}

// A recordDecoder reads from rest until it fails.
type recordDecoder struct {
	rest []byte
	bad  bool
}

// sets reads the label sets, and the version in front of them.
func (d *recordDecoder) sets() ([]batch.Labels, error) {
	if len(d.rest) == 0 {
		return nil, errRecord
	}
	if v := d.rest[0]; v != recordVersion {
		return nil, fmt.Errorf("%w: version %d, which another release may know", errRecord, v)
	}
	d.rest = d.rest[1:]
	sets := make([]batch.Labels, 0, 1)
	for n := d.number(1); n > 0 && !d.bad; n-- {
		l, err := d.labels()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errRecord, err)
		}
		sets = append(sets, l)
	}
	return sets, nil
}

// entries reads the rest of the record, and appends its entries to b, which gets the memory of rest; nil: nowhere.
func (d *recordDecoder) entries(sets []batch.Labels, b *batch.Batch) error {
	var attrs []batch.Attr
	for n := d.number(5); n > 0 && !d.bad; n-- {
		set, sec, nsec, line := d.uvarint(), d.varint(), d.uvarint(), d.text()
		attrs = attrs[:0]
		for k := d.number(2); k > 0 && !d.bad; k-- {
			key, value := d.text(), d.text()
			if b != nil {
				attrs = append(attrs, batch.Attr{Key: string(key), Value: string(value)})
			}
		}
		if d.bad || set >= uint64(len(sets)) || nsec >= 1e9 {
			return errRecord
		}
		if b != nil {
			b.AppendShared(time.Unix(sec, int64(nsec)).UTC(), line, attrs...)
			b.Entries[len(b.Entries)-1].Labels = sets[set]
		}
	}
	if d.bad || len(d.rest) > 0 {
		return errRecord
	}
	return nil
}

func (d *recordDecoder) labels() (batch.Labels, error) {
	m := map[string]string{}
	n := d.number(2)
	for k := n; k > 0 && !d.bad; k-- {
		m[string(d.text())] = string(d.text())
	}
	if d.bad || uint64(len(m)) != n {
		return batch.Labels{}, errors.New("labels are cut or come twice")
	}
	return batch.NewLabels(m)
}

// number reads how many things follow that take at least so many bytes each.
func (d *recordDecoder) number(least uint64) uint64 {
	n := d.uvarint()
	if n > uint64(len(d.rest))/least {
		d.bad = true
		return 0
	}
	return n
}

func (d *recordDecoder) text() []byte {
	n := d.number(1)
	if d.bad {
		return nil
	}
	text := d.rest[:n:n]
	d.rest = d.rest[n:]
	return text
}

func (d *recordDecoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	return d.took(v, n)
}

func (d *recordDecoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	return int64(d.took(uint64(v), n))
}

func (d *recordDecoder) took(v uint64, n int) uint64 {
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.rest = d.rest[n:]
	return v
}
