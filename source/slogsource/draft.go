package slogsource

import (
	"encoding/binary"
	"log/slog"
	"strconv"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source/record"
)

const (
	// maxAttrs and maxAttrBytes bound what an entry has of attributes. Loki takes
	// 128, and 64 KiB of them; what processors and a dead letter add must fit.
	maxAttrs     = 120
	maxAttrBytes = 60 << 10
	// keptOutside of them, and keptBuiltin, are not for the attributes of a record, however
	// many and large: they are for what the ctx says and for level and source, for
	// level and source alone. There are keptBytes for each.
	keptOutside, keptBuiltin = 8, 2
	keptBytes                = 512
	// maxVisits bounds how many attributes are looked at, groups among them, and
	// maxDepth how deep these are: a LogValuer may return itself in a group.
	maxVisits = 1000
	maxDepth  = 32
	// maxScratch is the largest draft that is kept for the next record.
	maxScratch = 64 << 10
)

// A draft is an entry being made of a record. Its buffer holds the entry packed:
//
//	4 bytes  length of all that follows the header
//	4 bytes  length of the line
//	8 bytes  seconds of Unix time, and
//	4 bytes  the nanoseconds in it
//	4 bytes  level
//	line
//	pairs of key and value, each a varint that is its length, and text
//
// Numbers are little-endian.
type draft struct {
	buf    []byte
	pairs  int // where the attributes begin
	count  int // of attributes
	visits int
	kept   int  // how many attributes are not for what is being added
	cut    bool // something was left out

	prefix  []byte   // of keys: the names of open groups, each with a dot
	groups  []string // the same, for replace
	replace func([]string, slog.Attr) slog.Attr
	word    []byte      // one value
	extra   []slog.Attr // what the ctx says
}

const headerSize = 24

// begin empties d, for attributes within the groups of h.
func (d *draft) begin(h *handler) {
	d.buf, d.prefix, d.groups = d.buf[:0], append(d.prefix[:0], h.prefix...), append(d.groups[:0], h.groups...)
	d.pairs, d.count, d.visits, d.cut = 0, 0, 0, false
	d.kept = keptOutside
	d.replace = h.src.cfg.ReplaceAttr
}

// outside has what is added next belong to no group, nor to the record: it has room
// left for it, but for kept attributes.
func (d *draft) outside(kept int) {
	d.prefix, d.groups, d.kept = d.prefix[:0], d.groups[:0], kept
	d.visits = 0
}

// open writes the header and the line.
func (d *draft) open(r *slog.Record, line string, maxLine int) {
	if len(line) > maxLine {
		line, d.cut = line[:record.CutAt(line, maxLine)], true
	}
	d.buf = append(d.buf, make([]byte, headerSize)...)
	binary.LittleEndian.PutUint32(d.buf[4:], uint32(len(line)))
	binary.LittleEndian.PutUint64(d.buf[8:], uint64(r.Time.Unix()))
	binary.LittleEndian.PutUint32(d.buf[16:], uint32(r.Time.Nanosecond()))
	binary.LittleEndian.PutUint32(d.buf[20:], uint32(int32(min(max(r.Level, -1<<31), 1<<31-1))))
	d.buf = append(d.buf, line...)
	d.pairs = len(d.buf)
}

// close completes the header and notes whether something was left out.
func (d *draft) close() {
	if d.cut {
		mark := batch.Truncated()
		d.buf = appendPair(d.buf, nil, mark.Key, mark.Value)
	}
	binary.LittleEndian.PutUint32(d.buf, uint32(len(d.buf)-headerSize))
}

// preformatted adds n attributes that another draft has packed.
func (d *draft) preformatted(packed []byte, n int) {
	d.buf = append(d.buf, packed...)
	d.count += n
}

// put adds one attribute whose key is not yet that of its group.
func put[T string | []byte](d *draft, key string, value T) {
	room := maxAttrBytes - d.kept*keptBytes - (len(d.buf) - d.pairs) - len(d.prefix) - len(key)
	if d.count >= maxAttrs-d.kept || room < 0 {
		d.cut = true
		return
	}
	if len(value) > room {
		value, d.cut = value[:record.CutAt(value, room)], true
	}
	d.count++
	d.buf = appendPair(d.buf, d.prefix, key, value)
}

func appendPair[T string | []byte](dst, prefix []byte, key string, value T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(prefix)+len(key)))
	dst = append(append(dst, prefix...), key...)
	dst = binary.AppendUvarint(dst, uint64(len(value)))
	return append(dst, value...)
}

// add adds a, with all that is in it if it is a group, by the rules that
// slog.Handler states.
func (d *draft) add(a slog.Attr) {
	if d.visits++; d.visits > maxVisits {
		d.cut = true
		return
	}
	a.Value = a.Value.Resolve()
	if d.replace != nil && a.Value.Kind() != slog.KindGroup {
		a = d.replaced(a)
	}
	switch v := a.Value; v.Kind() {
	case slog.KindString:
		put(d, a.Key, v.String())
	case slog.KindInt64:
		d.word = strconv.AppendInt(d.word[:0], v.Int64(), 10)
		put(d, a.Key, d.word)
	case slog.KindUint64:
		d.word = strconv.AppendUint(d.word[:0], v.Uint64(), 10)
		put(d, a.Key, d.word)
	case slog.KindFloat64:
		d.word = strconv.AppendFloat(d.word[:0], v.Float64(), 'g', -1, 64)
		put(d, a.Key, d.word)
	case slog.KindBool:
		d.word = strconv.AppendBool(d.word[:0], v.Bool())
		put(d, a.Key, d.word)
	case slog.KindDuration:
		put(d, a.Key, v.Duration().String())
	case slog.KindTime:
		d.word = v.Time().AppendFormat(d.word[:0], time.RFC3339Nano)
		put(d, a.Key, d.word)
	case slog.KindGroup:
		d.group(a.Key, v.Group())
	default:
		if v.Any() != nil || a.Key != "" { // else it is the zero Attr
			put(d, a.Key, textOf(v.Any()))
		}
	}
}

// group adds the attributes of a group. One without a name adds them to the group
// it is in.
func (d *draft) group(name string, attrs []slog.Attr) {
	if len(attrs) == 0 {
		return
	}
	if len(d.groups) >= maxDepth || len(d.prefix) > maxAttrBytes {
		d.cut = true
		return
	}
	prefix, groups := len(d.prefix), len(d.groups)
	if name != "" {
		d.prefix = append(append(d.prefix, name...), '.')
		d.groups = append(d.groups, name)
	}
	for _, a := range attrs {
		d.add(a)
	}
	d.prefix, d.groups = d.prefix[:prefix], d.groups[:groups]
}

// replaced is what the host's ReplaceAttr makes of a.
func (d *draft) replaced(a slog.Attr) slog.Attr {
	var r slog.Attr
	if what := tried(func() { r = d.replace(d.groups, a) }); what != "" {
		return slog.String(a.Key, what)
	}
	r.Value = r.Value.Resolve()
	return r
}

// unpack appends the entries of packed to b. The strings of their attributes are
// parts of one. labels, if not nil, are those of a level.
func unpack(b *batch.Batch, packed []byte, labels func(slog.Level) batch.Labels) {
	text := string(packed)
	var attrs []batch.Attr
	for at := 0; at < len(packed); {
		header := packed[at : at+headerSize]
		at += headerSize
		end := at + int(binary.LittleEndian.Uint32(header))
		pairs := at + int(binary.LittleEndian.Uint32(header[4:]))
		line := packed[at:pairs]
		attrs = attrs[:0]
		for at = pairs; at < end; {
			var a batch.Attr
			a.Key, at = textAt(packed, text, at)
			a.Value, at = textAt(packed, text, at)
			attrs = append(attrs, a)
		}
		sec, nsec := binary.LittleEndian.Uint64(header[8:]), binary.LittleEndian.Uint32(header[16:])
		b.Append(time.Unix(int64(sec), int64(nsec)), line, attrs...)
		if labels != nil {
			b.Entries[len(b.Entries)-1].Labels = labels(slog.Level(int32(binary.LittleEndian.Uint32(header[20:]))))
		}
	}
}

// textAt returns the text at a place of packed, and the place behind it.
func textAt(packed []byte, text string, at int) (string, int) {
	n, k := binary.Uvarint(packed[at:])
	at += k
	return text[at : at+int(n)], at + int(n)
}
