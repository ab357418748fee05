package process

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
//     "[error] …"; or in any case before a colon, at the beginning or behind another
//     one, as in "warning: …" and "sshd[24200]: error: …"
//
// Of JSON and logfmt it looks at 4 KiB. An entry that does not say stays as it is.
// What an attribute or label of the configured name holds is made one of the seven
// words, or stays if it is none. [Level] makes one; all methods may be called
// concurrently.
type LevelDetector struct {
	attr, label       string
	fields            fieldNames
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
		l.fields = fieldNames{"level", "severity", "lvl", "log.level", "loglevel", "log_level", "levelname", "severity_text", "severityText", "@level"}
	}
	var errs []error
	for _, n := range []naming{{l.attr, "Attr"}, {l.label, "Label"}} {
		if n.name != "" && !batch.ValidName(n.name) {
			errs = append(errs, fmt.Errorf("process: Level: %s: %q: %w", n.field, n.name, errName))
		}
	}
	errs = append(errs, l.fields.check("Level")...)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
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
			s = detectLevel(b.Entries[i].Line, l.fields)
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
		if a.Key == l.attr || has(l.fields, a.Key) {
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
		if s := levelOf(value); s != SeverityUnknown && (name == l.label || has(l.fields, name)) {
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
	if slices.Contains(e.Attrs, batch.Attr{Key: l.attr, Value: s.String()}) {
		return
	}
	w.attrs = setAttr(append(w.attrs[:0], e.Attrs...), 0, l.attr, s.String())
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
