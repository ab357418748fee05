package process

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/logferry/logferry/batch"
)

// A MatchConfig says which entries are meant: those for which all holds that is
// set. There is no zero MatchConfig: something must be set.
type MatchConfig struct {
	// Contains are texts one of which the line has in it.
	Contains []string
	// Regexp matches the line, or a part of it.
	Regexp *regexp.Regexp
	// Labels are labels that the entry has, with these values; "": it has none of
	// that name.
	Labels map[string]string
	// Attrs are attributes that it has, with these values; "": it has none of that
	// key, or an empty one.
	Attrs map[string]string
	// MinSeverity is how bad it is at least, as its attribute or label level,
	// detected_level or severity says: see [Level]. An entry that does not say is
	// never dropped for this.
	MinSeverity Severity
	// Func is asked last; it changes nothing and keeps nothing, and is called
	// concurrently. The labels are those of the entry or of its batch.
	Func func(e *batch.Entry, l batch.Labels) bool

	// Reason is what entries that are dropped are counted under; "":
	// [DroppedMatched] for Drop, [DroppedUnmatched] for Keep.
	Reason string
}

// A Matcher drops entries that match, or those that do not. [Drop] and [Keep]
// make one; all methods may be called concurrently.
type Matcher struct {
	cfg      MatchConfig
	contains [][]byte
	keep     bool // what matches
}

// Drop returns a Matcher that drops entries that match, for the reason [DroppedMatched].
// Its error names each field that makes no sense.
func Drop(cfg MatchConfig) (*Matcher, error) { return newMatcher("Drop", cfg, DroppedMatched, false) }

// Keep returns a Matcher that drops entries that do not match, for the reason
// [DroppedUnmatched]. Its error names each field that makes no sense.
func Keep(cfg MatchConfig) (*Matcher, error) { return newMatcher("Keep", cfg, DroppedUnmatched, true) }

func newMatcher(who string, cfg MatchConfig, reason string, keep bool) (*Matcher, error) {
	if err := cfg.validate(who); err != nil {
		return nil, err
	}
	m := &Matcher{cfg: cfg, keep: keep}
	m.cfg.Labels, m.cfg.Attrs = maps.Clone(cfg.Labels), maps.Clone(cfg.Attrs)
	m.cfg.Reason = cmp.Or(cfg.Reason, reason)
	for _, text := range cfg.Contains {
		m.contains = append(m.contains, []byte(text))
	}
	return m, nil
}

func (c *MatchConfig) validate(who string) error {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("process: "+who+": "+format, args...))
	}
	if len(c.Contains)+len(c.Labels)+len(c.Attrs) == 0 && c.Regexp == nil && c.MinSeverity == SeverityUnknown && c.Func == nil {
		wrong("Contains, Regexp, Labels, Attrs, MinSeverity, Func: none of them says what to match")
	}
	if slices.Contains(c.Contains, "") {
		wrong("Contains: %q is in every line", "")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		if !batch.ValidName(name) {
			wrong("Labels: %q: %w", name, errName)
		}
	}
	return errors.Join(append(errs, isSeverity(who, "MinSeverity", c.MinSeverity)...)...)
}

// errName says what the name of a label may be.
var errName = errors.New("want letters, digits and _, not starting with a digit")

// Process is that of pipeline.Processor.
func (m *Matcher) Process(_ context.Context, b *batch.Batch) error {
	var last batch.Labels // of which it is known whether they match
	fit := m.fits(last)
	b.Drop(m.cfg.Reason, func(e *batch.Entry) bool {
		l := labelsOf(b, e)
		if l != last {
			last, fit = l, m.fits(l)
		}
		return (fit && m.matches(e, l)) != m.keep
	})
	return nil
}

// fits reports whether labels are those that are meant.
func (m *Matcher) fits(l batch.Labels) bool {
	for name, value := range m.cfg.Labels {
		if l.Get(name) != value {
			return false
		}
	}
	return true
}

// matches reports whether e, whose labels l fit, is meant.
func (m *Matcher) matches(e *batch.Entry, l batch.Labels) bool {
	for key, value := range m.cfg.Attrs {
		if attr(e, key) != value {
			return false
		}
	}
	if m.cfg.MinSeverity != SeverityUnknown {
		if s := severityIn(e, l); s < m.cfg.MinSeverity && (s != SeverityUnknown || !m.keep) {
			return false
		}
	}
	if len(m.contains) > 0 && !slices.ContainsFunc(m.contains, func(text []byte) bool { return bytes.Contains(e.Line, text) }) {
		return false
	}
	return (m.cfg.Regexp == nil || m.cfg.Regexp.Match(e.Line)) && (m.cfg.Func == nil || m.cfg.Func(e, l))
}
