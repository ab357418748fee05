package loki

import (
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/jsontext"
)

// jsonCodec makes the other body that the push endpoint takes, compressed with gzip:
//
//	{"streams":[{"stream":{"app":"shop"},"values":[["1700000000000000000","line",{"trace_id":"1"}]]}]}
//
// Times are strings, and so are values. A broken string costs the whole request, so what is not UTF-8 becomes U+FFFD.
type jsonCodec struct{ writers sync.Pool }

const (
	jsonBegin     = `{"streams":[`
	jsonEnd       = `]}`
	jsonStreamEnd = `]}`
)

func (*jsonCodec) contentType() string     { return "application/json" }
func (*jsonCodec) contentEncoding() string { return "gzip" }

func (*jsonCodec) labels(dst []byte, l batch.Labels) []byte {
	dst = append(dst, `{"stream":{`...)
	first := true
	for name, value := range l.All() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, '"')
		dst = append(dst, name...)
		dst = append(dst, `":`...)
		dst = appendJSONLabel(dst, value)
	}
	return append(dst, `},"values":[`...)
}

// appendJSONLabel appends the value of a label. Loki writes it into the text of which lokiLabels tells what its parser
// does with U+FFFD.
func appendJSONLabel(dst []byte, value string) []byte {
	return jsontext.AppendString(dst, value, "?")
}

func (*jsonCodec) attrs(dst []byte, moved []batch.Attr) []byte {
	for i := range moved {
		dst = appendJSONPair(dst, &moved[i], i == 0)
	}
	return dst
}

func (*jsonCodec) stream(dst []byte, m *mapping, w *draft, idx []int32, limit int) ([]byte, int) {
	before := len(dst)
	if before == 0 {
		dst = append(dst, jsonBegin...)
	} else {
		dst = append(dst, ',')
	}
	dst = append(dst, m.labels...)
	n := 0
	for _, i := range idx {
		end := len(dst)
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONEntry(dst, m, w, i)
		if (n > 0 || before > 0) && len(dst)+len(jsonStreamEnd)+len(jsonEnd) > limit {
			dst = dst[:end]
			break
		}
		n++
	}
	if n == 0 {
		return dst[:before], 0
	}
	return append(dst, jsonStreamEnd...), n
}

func (*jsonCodec) end(dst []byte) []byte { return append(dst, jsonEnd...) }

// room is for text without much to escape: what outgrows it moves.
func (*jsonCodec) room(m *mapping, w *draft, i int32) int {
	_, attrs := w.countAttrs(m, i)
	return len(m.labels) + 2*(len(w.entry(i).Line)+attrs) + 1024
}

func (c *jsonCodec) compress(wire *buffer, raw []byte) {
	wire.reserve(len(raw) / 4)
	z, ok := c.writers.Get().(*gzip.Writer)
	if !ok {
		// The only error is that of a level which does not exist.
		z, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed)
	}
	z.Reset(wire)
	// A buffer takes everything.
	_, _ = z.Write(raw)
	_ = z.Close()
	z.Reset(nil)
	c.writers.Put(z)
}

func appendJSONEntry(dst []byte, m *mapping, w *draft, i int32) []byte {
	at := w.time(i)
	dst = append(dst, `["`...)
	dst = strconv.AppendInt(dst, at.UnixNano(), 10)
	dst = append(dst, `",`...)
	dst = jsontext.AppendString(dst, w.entry(i).Line, "\uFFFD")
	attrs := w.attrs(i)
	if len(m.attrs) == 0 && len(attrs) == 0 && !w.original(i) {
		return append(dst, ']')
	}
	dst = append(dst, ",{"...)
	dst = append(dst, m.attrs...)
	first := len(m.attrs) == 0
	if w.original(i) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, `"`+originalTime+`":"`...)
		dst = append(w.appendOriginal(dst, i), '"')
	}
	for k := range attrs {
		dst = appendJSONPair(dst, &attrs[k], first)
		first = false
	}
	return append(dst, "}]"...)
}

func appendJSONPair(dst []byte, a *batch.Attr, first bool) []byte {
	if !first {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = appendName(dst, a.Key)
	dst = append(dst, `":`...)
	return jsontext.AppendString(dst, a.Value, "\uFFFD")
}

// textSize is how many bytes Loki reads of text; replaced: with U+FFFD for what is not UTF-8.
func textSize[T string | []byte](text T, replaced bool) int {
	n := len(text)
	if !replaced {
		return n
	}
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))]))
		if r == utf8.RuneError {
			n += len("\uFFFD") - size
		}
		i += size
	}
	return n
}
