package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/stamp"
)

// A TimeConfig says where a time is looked for and how it is read. The zero
// TimeConfig takes times that do not name their zone for UTC.
type TimeConfig struct {
	// Zone is that of times that do not name it: UTC by default. The zone of the
	// machine is time.Local, for those who know that it is the one that the lines have.
	Zone *time.Location
	// Fields are the names of fields that hold a time, in any case: attributes, and
	// fields of lines that are JSON or logfmt. The default is time, ts, timestamp,
	// @timestamp, datetime, date, asctime, eventtime, time_local, @t and t; an empty
	// list that is not nil means none.
	Fields []string
	// Layouts are tried for a field whose value is in no form that is known; see
	// package time. One without a year is read as [TimeParser] does it.
	Layouts []string
}

// A TimeParser gives entries the time that their lines say. It is looked for
//
//   - in an attribute of the entry, by TimeConfig.Fields
//   - in a field of a line that is JSON, or of the object log in it
//   - at the beginning of a line, behind a bracket or a quote or the priority of
//     syslog perhaps: 2015-07-29 17:41:44,747 - INFO …
//   - in a field of a line in logfmt: ts=2006-01-02T15:04:05Z
//   - behind the first [, as in access logs, and behind the first space
//
// and known in the form of RFC 3339 and what differs from it in separators and
// zones, that of syslog, of ctime, of access logs, of klog, 20060102 150405 and
// 060102 150405, 02.01.2006 15:04:05, and as the seconds, milliseconds, microseconds
// or nanoseconds since 1970, which of them its size tells: from 1973 to 2099. A
// number as that must be in a field, or at the beginning.
//
// A time without a year is the last one of this name that is not more than a day
// ahead of now: so a line of December 31 that is read in January is of last year. A
// time with the name of a zone other than UTC or GMT is only known if Zone calls
// itself so. Days and times of day that do not exist are not taken.
//
// An entry whose line says nothing of it keeps the time it has from its source, as
// does one that says 0001-01-01T00:00:00Z, which is how Go writes that there is none.
// No other time is refused because it is long ago or far ahead: see [Clamp].
// [Time] makes one; all methods may be called concurrently.
type TimeParser struct {
	zone            *time.Location
	fields          fieldNames
	layouts         []string
	parsed, missing atomic.Int64
}

const (
	// timeHead is how far into a line a time may begin, longestTime how long it is.
	timeHead    = 128
	longestTime = 64
)

// Time returns a TimeParser. Its error joins one for each field of cfg that makes
// no sense.
func Time(cfg TimeConfig) (*TimeParser, error) {
	t := &TimeParser{zone: cfg.Zone, fields: slices.Clone(cfg.Fields), layouts: slices.Clone(cfg.Layouts)}
	if t.zone == nil {
		t.zone = time.UTC
	}
	if t.fields == nil {
		t.fields = fieldNames{"time", "ts", "timestamp", "@timestamp", "datetime", "date", "asctime", "eventtime", "time_local", "@t", "t"}
	}
	errs := t.fields.check("Time")
	sample := time.Date(2006, 11, 22, 13, 14, 15, 0, time.UTC)
	for i, layout := range t.layouts {
		if at, err := time.Parse(layout, sample.Format(layout)); err != nil || at.Month() != sample.Month() || at.Day() != sample.Day() {
			errs = append(errs, fmt.Errorf("process: Time: Layouts[%d]: %q does not say which day it is, in the terms of package time", i, layout))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return t, nil
}

// Process is that of pipeline.Processor.
func (p *TimeParser) Process(_ context.Context, b *batch.Batch) error {
	f := timeFinder{TimeParser: p, now: time.Now()}
	var parsed int64
	for i := range b.Entries {
		if e := &b.Entries[i]; f.find(e) {
			e.Time = f.found
			parsed++
		}
	}
	count(&p.parsed, parsed)
	count(&p.missing, int64(len(b.Entries))-parsed)
	return nil
}

// A timeFinder looks for the times of one batch.
type timeFinder struct {
	*TimeParser
	now, found time.Time
}

func (f *timeFinder) find(e *batch.Entry) bool {
	for _, a := range e.Attrs {
		if len(a.Value) <= longestTime && has(f.fields, a.Key) && f.whole([]byte(a.Value)) {
			return true
		}
	}
	line := e.Line
	if len(line) == 0 {
		return false
	}
	take := func(v value) bool { return f.whole(v.text) }
	if line[0] == '{' && f.fields.json(line, take) {
		return true
	}
	return f.beginning(line) || f.fields.logfmt(line, take) || f.behind(line, '[') || f.behind(line, ' ')
}

// whole reads all of text.
func (f *timeFinder) whole(text []byte) bool {
	if len(text) == 0 || len(text) > longestTime {
		return false
	}
	if f.begins(text, len(text)) {
		return true
	}
	if t, n := stamp.Epoch(text); n == len(text) {
		f.found = t
		return true
	}
	for _, layout := range f.layouts {
		if t, ok := stamp.ParseLayout(layout, string(text), f.zone, f.now); ok && !t.IsZero() {
			f.found = t
			return true
		}
	}
	return false
}

// begins reads the time that text begins with, if it is at least so many bytes long.
func (f *timeFinder) begins(text []byte, least int) bool {
	t, n := stamp.Parse(text[:min(len(text), longestTime)], f.zone, f.now)
	if n < least || t.IsZero() { // as Go writes none, and others take it
		return false
	}
	f.found = t
	return true
}

// beginning looks at the beginning of line.
func (f *timeFinder) beginning(line []byte) bool {
	switch line[0] {
	case '[', '(', '"', '\'':
		line = line[1:]
	case '<':
		if _, n := priority(line); n > 0 {
			line = bytes.TrimPrefix(line[n:], []byte("1 ")) // the version of RFC 5424
		}
	}
	return f.begins(line, 1)
}

// behind looks behind the first c.
func (f *timeFinder) behind(line []byte, c byte) bool {
	i := bytes.IndexByte(line[:min(len(line), timeHead)], c)
	if i < 0 {
		return false
	}
	_, epoch := stamp.Epoch(line[i+1:])
	return epoch == 0 && f.begins(line[i+1:], 1)
}

// TimeStats counts entries since the TimeParser was made.
type TimeStats struct {
	Parsed  int64 // have the time that their line says
	Missing int64 // kept the one they had
}

// Stats returns the counters.
func (p *TimeParser) Stats() TimeStats {
	return TimeStats{Parsed: p.parsed.Load(), Missing: p.missing.Load()}
}
