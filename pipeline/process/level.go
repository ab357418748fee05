package process

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/logferry/logferry/batch"
)

// A LevelConfig says where a level is looked for and what it becomes. The zero
// LevelConfig makes the attribute level, from which Loki makes its own
// detected_level.
type LevelConfig struct {
	// Attr is the key of an attribute, and Label the name of a label, that becomes the
	// level: the attribute "level" if both are empty. Loki keeps a stream for each
	// value of a label, of which there are seven.
	Attr  string
	Label string
	// Fields are the names of fields that hold a level, in any case: attributes,
	// labels, and fields of lines that are JSON or logfmt. The default is level,
	// severity, lvl, log.level, loglevel, log_level, levelname, severity_text,
	// severityText and @level; an empty list that is not nil means none.
	Fields []string
}

// A LevelDetector tells how bad it is what an entry tells, in the words of
// [Severity]. The first that says something counts:
//
//   - an attribute or a label of the entry, by LevelConfig.Fields
//   - the priority of syslog: <13>Jan  2 15:04:05 …
//   - a field of a line that is JSON, or of the object log in it; numbers are those
//     of bunyan and pino, 10 to 60, or of syslog, 0 to 7
//   - the header of klog and glog: E0102 15:04:05.123456 …
//   - a field of a line in logfmt: level=warn
//   - a word in the first 128 bytes: in capitals anywhere, as in
//     "2015-07-29 17:41:44,747 - WARN  [main] …"; in any case between brackets, as in
//     "[error] …"; or in any case at the beginning, as in "warning: …"
//
// Of JSON and logfmt it looks at 4 KiB. An entry that does not say stays as it is.
// What an attribute or label of the configured name holds is made one of the seven
// words, or stays if it is none. [Level] makes one; all methods may be called
// concurrently.
type LevelDetector struct {
	attr, label       string
	fields            levelFields
	benches           sync.Pool
	detected, unknown atomic.Int64
}

// Level returns a LevelDetector. Its error joins one for each field of cfg that
// makes no sense.
func Level(cfg LevelConfig) (*LevelDetector, error) {
	l := &LevelDetector{attr: cfg.Attr, label: cfg.Label, fields: slices.Clone(cfg.Fields)}
	if l.attr == "" && l.label == "" {
		l.attr = "level"
	}
	if l.fields == nil {
		l.fields = levelFields{"level", "severity", "lvl", "log.level", "loglevel", "log_level", "levelname", "severity_text", "severityText", "@level"}
	}
	var errs []error
	if l.attr != "" && !batch.ValidName(l.attr) {
		errs = append(errs, fmt.Errorf("process: Level: Attr: %q: want letters, digits and _, not starting with a digit", l.attr))
	}
	if l.label != "" && !batch.ValidName(l.label) {
		errs = append(errs, fmt.Errorf("process: Level: Label: %q: want letters, digits and _, not starting with a digit", l.label))
	}
	for i, f := range l.fields {
		if f == "" || strings.ContainsAny(f, " \t\"=") {
			errs = append(errs, fmt.Errorf("process: Level: Fields[%d]: %q is no name of a field", i, f))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	for _, own := range []string{l.attr, l.label} {
		if own != "" && !l.fields.is([]byte(own)) {
			l.fields = append(l.fields, own) // what was found once is found again
		}
	}
	l.benches.New = func() any { return l.newBench() }
	return l, nil
}

// A levelBench is what one goroutine works with while it has a batch.
type levelBench struct {
	attrs  []batch.Attr
	labels [severities]recalled      // the label for each of them
	known  map[batch.Labels]Severity // what the labels of entries say
}

func (l *LevelDetector) newBench() *levelBench {
	w := &levelBench{known: map[batch.Labels]Severity{}}
	if l.label != "" {
		for s := SeverityTrace; s < severities; s++ {
			w.labels[s].set = batch.MustLabels(l.label, s.String())
		}
	}
	return w
}

// Process is that of pipeline.Processor.
func (l *LevelDetector) Process(_ context.Context, b *batch.Batch) error {
	w := l.benches.Get().(*levelBench)
	var detected, unknown int64
	for i := range b.Entries {
		s := l.told(w, b, i)
		if s == SeverityUnknown {
			s = l.fields.detect(b.Entries[i].Line)
		}
		if s == SeverityUnknown {
			unknown++
			continue
		}
		detected++
		l.mark(w, b, i, s)
	}
	count(&l.detected, detected)
	count(&l.unknown, unknown)
	l.benches.Put(w)
	return nil
}

// told returns what attributes and labels of entry i say.
func (l *LevelDetector) told(w *levelBench, b *batch.Batch, i int) Severity {
	for _, a := range b.Entries[i].Attrs {
		if a.Key != "" && l.fields.is([]byte(a.Key)) {
			if s := levelOf(a.Value); s != SeverityUnknown {
				return s
			}
		}
	}
	labels := b.LabelsOf(i)
	if labels == (batch.Labels{}) {
		return SeverityUnknown
	}
	s, ok := w.known[labels]
	if !ok {
		s = l.labelled(labels)
		if len(w.known) >= maxBases {
			clear(w.known)
		}
		w.known[labels] = s
	}
	return s
}

func (l *LevelDetector) labelled(labels batch.Labels) Severity {
	for name, value := range labels.All() {
		if s := levelOf(value); s != SeverityUnknown && l.fields.is([]byte(name)) {
			return s
		}
	}
	return SeverityUnknown
}

// mark gives entry i the level s.
func (l *LevelDetector) mark(w *levelBench, b *batch.Batch, i int, s Severity) {
	if l.label != "" {
		if labels := b.LabelsOf(i); labels.Get(l.label) != s.String() {
			b.Entries[i].Labels = w.labels[s].onto(labels)
		}
	}
	if l.attr == "" {
		return
	}
	e := &b.Entries[i]
	at := slices.IndexFunc(e.Attrs, func(a batch.Attr) bool { return a.Key == l.attr })
	if at >= 0 && e.Attrs[at].Value == s.String() {
		return
	}
	w.attrs = append(w.attrs[:0], e.Attrs...)
	if at >= 0 {
		w.attrs[at].Value = s.String()
	} else {
		w.attrs = append(w.attrs, batch.Attr{Key: l.attr, Value: s.String()})
	}
	b.SetAttrs(e, w.attrs)
}

// LevelStats counts entries since the LevelDetector was made.
type LevelStats struct {
	Detected int64 // have a level
	Unknown  int64 // do not say
}

// Stats returns the counters.
func (l *LevelDetector) Stats() LevelStats {
	return LevelStats{Detected: l.detected.Load(), Unknown: l.unknown.Load()}
}
