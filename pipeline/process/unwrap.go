package process

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/labelset"
	"github.com/logferry/logferry/source/record"
)

// An UnwrapConfig says what lines are wrapped in. The zero UnwrapConfig is for both
// formats, of which a line's first byte tells which it may be.
type UnwrapConfig struct {
	// Format is record.DockerJSON or record.CRI, or record.Plain, the default, for
	// either.
	Format record.Format
}

// An Unwrapper takes lines out of what a container runtime has wrapped them in, line
// by line, where a source did not: because it reads what another collector passes on,
// for example. The entry gets the time that the runtime gave the line, the attribute
// stream, and the attributes that Docker was told to add, of which at most 64 are taken.
//
// A line that goes on in the next one gets the attribute partial="true", and is not
// joined: a processor holds nothing back. Where files of containers are read, Format
// of source/tail does all of this, and joins. Lines in no such format pass as they are
// and are counted. [Unwrap] makes one; all methods may be called concurrently.
type Unwrapper struct {
	format  record.Format
	benches sync.Pool

	unwrapped, malformed, partial, cut atomic.Int64
}

// Unwrap returns an Unwrapper. Its error names a Format that does not exist.
func Unwrap(cfg UnwrapConfig) (*Unwrapper, error) {
	if !cfg.Format.Valid() {
		return nil, fmt.Errorf("process: Unwrap: Format: there is no %v", cfg.Format)
	}
	u := &Unwrapper{format: cfg.Format}
	u.benches.New = func() any {
		return &unwrapBench{docker: record.NewDecoder(record.DockerJSON), cri: record.NewDecoder(record.CRI)}
	}
	return u, nil
}

// An unwrapBench is what one goroutine works with while it has a batch.
type unwrapBench struct {
	docker, cri *record.Decoder
	line        record.Line
	attrs       []batch.Attr
	tally       UnwrapStats
}

// UnwrapStats counts lines since the Unwrapper was made.
type UnwrapStats struct {
	Unwrapped int64 // were in a format
	Malformed int64 // were not, and passed as they were
	Partial   int64 // of those unwrapped: go on in the next one
	Cut       int64 // of those unwrapped: attributes were cut, or left out
}

// Stats returns the counters.
func (u *Unwrapper) Stats() UnwrapStats {
	return UnwrapStats{Unwrapped: u.unwrapped.Load(), Malformed: u.malformed.Load(), Partial: u.partial.Load(), Cut: u.cut.Load()}
}

// Process is that of pipeline.Processor.
func (u *Unwrapper) Process(_ context.Context, b *batch.Batch) error {
	w := u.benches.Get().(*unwrapBench)
	w.tally = UnwrapStats{}
	for i := range b.Entries {
		e := &b.Entries[i]
		if w.decoder(u.format, e.Line).Decode(e.Line, &w.line) != nil {
			w.tally.Malformed++
			continue
		}
		w.put(b, e)
	}
	count(&u.unwrapped, w.tally.Unwrapped)
	count(&u.malformed, w.tally.Malformed)
	count(&u.partial, w.tally.Partial)
	count(&u.cut, w.tally.Cut)
	w.line = record.Line{} // nothing of b is kept
	u.benches.Put(w)
	return nil
}

func (w *unwrapBench) decoder(f record.Format, line []byte) *record.Decoder {
	if f == record.DockerJSON || f == record.Plain && len(line) > 0 && line[0] == '{' {
		return w.docker
	}
	return w.cri
}

// put gives e, an entry of b, what its line holds.
func (w *unwrapBench) put(b *batch.Batch, e *batch.Entry) {
	w.tally.Unwrapped++
	l := &w.line
	e.Line = own(b, e.Line, l.Text)
	if !l.Time.IsZero() {
		e.Time = l.Time
	}
	w.attrs = append(w.attrs[:0], e.Attrs...)
	w.addAttrs(l.Attrs)
	if s := l.Stream.String(); s != "" {
		w.attrs = setAttr(w.attrs, 0, "stream", s)
	}
	if l.Partial {
		w.tally.Partial++
		w.attrs = setAttr(w.attrs, 0, "partial", "true")
	}
	if len(w.attrs) > 0 {
		b.SetAttrs(e, w.attrs)
	}
}

// addAttrs adds attributes that Docker was told to add.
func (w *unwrapBench) addAttrs(attrs []batch.Attr) {
	cut := len(attrs) > defaultMaxFields
	for _, a := range attrs[:min(len(attrs), defaultMaxFields)] {
		if a.Key == "" || len(a.Key) > maxKey {
			cut = true
			continue
		}
		value := a.Value
		if len(value) > labelset.MaxValue {
			cut, value = true, string(cutWord([]byte(value), labelset.MaxValue))
		}
		w.attrs = setAttr(w.attrs, 0, a.Key, labelset.Clean(value))
	}
	if cut {
		w.tally.Cut++
	}
}

// beforeText is what Docker writes before the text of a line.
const beforeText = `{"log":"`

// own returns text, which the decoder found in line or put elsewhere, in memory of b.
func own(b *batch.Batch, line, text []byte) []byte {
	if len(text) == 0 {
		return line[:0]
	}
	if n := len(line) - len(text); &line[n] == &text[0] {
		return line[n:] // the end of a line of CRI
	}
	if n := len(beforeText); len(line) > n && &line[n] == &text[0] {
		return text
	}
	buf := b.Buffer(len(text))
	copy(buf, text)
	return buf
}
