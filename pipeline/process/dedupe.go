package process

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strconv"
	"sync"
	"time"

	"github.com/logferry/logferry/batch"
)

// A DedupeConfig says what counts as a repetition. The zero DedupeConfig has a line
// pass once in ten seconds.
type DedupeConfig struct {
	// Window is how long after a line has passed the same one is a repetition: 10 s.
	Window time.Duration
	// MaxLines is how many different lines are remembered for a stream: the latest
	// 64. A line is no repetition any more once so many others have passed.
	MaxLines int
	// MaxStreams is how many streams are: 1,000. The lines of others all pass.
	MaxStreams int
	// Always lets every entry pass that is that bad or worse, as its attribute or
	// label level, detected_level or severity says: see [Level]. Zero: none.
	Always Severity
}

const (
	defaultWindow        = 10 * time.Second
	defaultMaxLines      = 64
	defaultDedupeStreams = 1000

	// maxQuoted is how much of a line is said to have been repeated, in bytes.
	maxQuoted = 256
)

// Attributes of what a [Deduper] says of a line that was repeated.
const (
	Repeated      = "repeated"       // how often, beside the one that passed
	FirstRepeated = "first_repeated" // when the first of these was written: RFC 3339
	LastRepeated  = "last_repeated"  // and the last one
)

// A Deduper drops lines that were in the same stream a short time before, for
// [DroppedDuplicate]. Attributes do not matter, times are those of the entries.
// [Dedupe] makes one; all methods may be called concurrently.
//
// It holds nothing back: the first of equal lines passes. How often one was
// repeated is said by an entry that is added to a later batch of the stream, once
// the window is over or the line has to be forgotten,
//
//	repeated 41 times: connection refused
//
// with the attributes [Repeated], [FirstRepeated] and [LastRepeated]. If there is no
// later batch, the pipeline's ledger alone knows of it.
//
// A Deduper belongs to one pipeline, and not to the one that follows it: what is
// read again is equal to what was read before.
type Deduper struct {
	cfg  DedupeConfig
	seed maphash.Seed

	streams roll[batch.Labels, *repeats]
}

// repeats are the lines of one stream.
type repeats struct {
	sync.Mutex
	window  time.Duration
	of      map[uint64]*repeat // by their hash
	inOrder []*repeat          // the same, as they came, from head on
	head    int
	spare   *repeat   // what was forgotten last, to be used again
	used    time.Time // by the clock
}

// A repeat is a line that has passed.
type repeat struct {
	hash        uint64
	at          time.Time // when it was written
	n           int       // times it was repeated
	text        []byte    // its beginning, once it is repeated
	first, last time.Time
}

// Dedupe returns a Deduper. Its error names each field that makes no sense.
func Dedupe(cfg DedupeConfig) (*Deduper, error) {
	errs := append(notNegative("Dedupe", number{"MaxLines", cfg.MaxLines}, number{"MaxStreams", cfg.MaxStreams}), isSeverity("Dedupe", "Always", cfg.Always)...)
	if cfg.Window < 0 {
		errs = append(errs, fmt.Errorf("process: Dedupe: Window: %v is negative", cfg.Window))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	cfg.Window = cmp.Or(cfg.Window, defaultWindow)
	cfg.MaxLines = cmp.Or(cfg.MaxLines, defaultMaxLines)
	d := &Deduper{cfg: cfg, seed: maphash.MakeSeed()}
	d.streams.most = cmp.Or(cfg.MaxStreams, defaultDedupeStreams)
	d.streams.make = func(now time.Time) *repeats {
		return &repeats{window: cfg.Window, of: map[uint64]*repeat{}, used: now}
	}
	return d, nil
}

// Process is that of pipeline.Processor.
func (d *Deduper) Process(_ context.Context, b *batch.Batch) error {
	v := visit{d: d, now: time.Now()}
	b.Drop(DroppedDuplicate, func(e *batch.Entry) bool {
		l := labelsOf(b, e)
		return !atLeast(d.cfg.Always, e, l) && v.repeats(l, e)
	})
	v.leave()
	v.tell(b)
	return nil
}

// idle is part of state: all windows are over.
func (s *repeats) idle(now time.Time) bool { return now.Sub(s.used) > s.window }

// A visit goes through one batch, and holds the lock of one stream at a time.
type visit struct {
	d      *Deduper
	now    time.Time
	labels batch.Labels
	of     *repeats // locked; nil: none is
	over   []finished
}

// finished is what is to be said of a line that was repeated.
type finished struct {
	labels batch.Labels
	line   *repeat
	at     time.Time // of the entry that comes next
}

func (v *visit) leave() {
	if v.of != nil {
		v.of.used = v.now
		v.of.Unlock()
		v.of = nil
	}
}

// repeats reports whether e, of the stream l, is a repetition.
func (v *visit) repeats(l batch.Labels, e *batch.Entry) bool {
	if v.of == nil || v.labels != l {
		v.leave()
		of, ok := v.d.streams.get(l, v.now)
		if !ok {
			return false
		}
		of.Lock()
		v.of, v.labels = of, l
	}
	at := e.Time
	if at.IsZero() {
		at = v.now
	}
	v.expire(at)
	hash := maphash.Bytes(v.d.seed, e.Line)
	switch x := v.of.of[hash]; {
	case x == nil:
		v.remember(hash, at)
		return false
	case at.Sub(x.at) >= v.d.cfg.Window: // an earlier line is the newer one
		v.finish(x, at)
		*x = repeat{hash: hash, at: at}
		return false
	case x.at.Sub(at) >= v.d.cfg.Window:
		return false
	default:
		x.again(e.Line, at)
		return true
	}
}

// expire forgets the lines whose window is over.
func (v *visit) expire(at time.Time) {
	for v.of.head < len(v.of.inOrder) && at.Sub(v.of.inOrder[v.of.head].at) >= v.d.cfg.Window {
		v.forget(at)
	}
}

// remember makes room for a line that passed.
func (v *visit) remember(hash uint64, at time.Time) {
	of := v.of
	if len(of.of) >= v.d.cfg.MaxLines {
		v.forget(at)
	}
	x := of.spare
	if of.spare = nil; x == nil {
		x = new(repeat)
	}
	*x = repeat{hash: hash, at: at}
	if of.head > len(of.inOrder)/2 {
		n := copy(of.inOrder, of.inOrder[of.head:])
		clear(of.inOrder[n:])
		of.inOrder, of.head = of.inOrder[:n], 0
	}
	of.of[hash] = x
	of.inOrder = append(of.inOrder, x)
}

// forget takes out the oldest line.
func (v *visit) forget(at time.Time) {
	of := v.of
	x := of.inOrder[of.head]
	of.inOrder[of.head] = nil
	of.head++
	delete(of.of, x.hash)
	v.finish(x, at)
	of.spare = x
}

// finish notes what there is to be said of x.
func (v *visit) finish(x *repeat, at time.Time) {
	if x.n > 0 {
		line := *x
		v.over = append(v.over, finished{v.labels, &line, at})
	}
}

// again counts a repetition.
func (x *repeat) again(line []byte, at time.Time) {
	if x.n == 0 {
		x.text, x.first = bytes.Clone(cutWord(line, maxQuoted)), at
	}
	x.n++
	x.last = at
}

// tell appends to b what there is to be said. It is no earlier than what b ends with.
func (v *visit) tell(b *batch.Batch) {
	for _, x := range v.over {
		at := x.at
		if n := len(b.Entries); n > 0 && b.Entries[n-1].Time.After(at) {
			at = b.Entries[n-1].Time
		}
		n := strconv.Itoa(x.line.n)
		b.Append(at, fmt.Appendf(nil, "repeated %s times: %s", n, x.line.text),
			batch.Attr{Key: Repeated, Value: n},
			batch.Attr{Key: FirstRepeated, Value: x.line.first.UTC().Format(time.RFC3339Nano)},
			batch.Attr{Key: LastRepeated, Value: x.line.last.UTC().Format(time.RFC3339Nano)})
		b.Entries[len(b.Entries)-1].Labels = x.labels
	}
}
