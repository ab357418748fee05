package slogsource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/logferry/logferry/batch"
)

// Format says what the line of an entry is.
type Format int

const (
	// Message makes the message the line, and attributes of the attributes.
	Message Format = iota
	// Text makes the line what slog.TextHandler would write. The attributes are
	// in the line alone.
	Text
	// JSON makes the line what slog.JSONHandler would write. The attributes are
	// in the line alone.
	JSON
)

// Config says what is taken and what becomes of it. The zero Config takes
// records from slog.LevelInfo on and never makes a log call wait.
type Config struct {
	// Level is the least level that is taken; nil: slog.LevelInfo. A
	// *slog.LevelVar changes it while logging goes on.
	Level slog.Leveler

	// Labels name the stream of all entries: {logger="slog"} by default.
	Labels batch.Labels
	// LevelLabel gives each entry the label level, instead of an attribute:
	// DEBUG, INFO, WARN or ERROR, whichever is the next at or below the
	// record's, so that there are four streams at most.
	LevelLabel bool
	// Format says what the line is: the message by default.
	Format Format

	// AddSource adds the attribute source: where the log call stands, as
	// file:line. With Text and JSON it is in the line, as slog writes it.
	AddSource bool
	// ReplaceAttr is called for each attribute that is no group, as that of
	// slog.HandlerOptions, to change it or, by returning the zero Attr, to leave
	// it out; level and source are such attributes. The time and the message are
	// so with Text and JSON alone. It is called by whoever logs, concurrently,
	// and must not keep groups. A panic becomes the attribute's value.
	ReplaceAttr func(groups []string, a slog.Attr) slog.Attr
	// FromContext appends to attrs what the ctx of a log call says of its record,
	// such as trace_id and span_id, and returns the longer slice; it keeps
	// neither. These become attributes whatever the Format, and belong to no
	// group. It is called by whoever logs, concurrently. A panic becomes an
	// attribute. Nil: the ctx says nothing.
	FromContext func(ctx context.Context, attrs []slog.Attr) []slog.Attr

	// BufferBytes bounds the memory of records that wait to be handed to the
	// pipeline: 4 MiB. It fills when a route blocks, and before the pipeline has
	// started.
	BufferBytes int
	// MaxWait is how long a log call waits for room when the buffer is full,
	// before its record is dropped: not at all by default. Nobody waits while
	// no pipeline runs the source.
	MaxWait time.Duration
	// MaxLine is the longest line that is taken whole: 256 KiB, or an eighth of
	// BufferBytes if that is less. What is beyond it is cut off, and the entry gets
	// the attribute truncated="true"; so it does if it has more attributes than
	// there may be, see the package documentation.
	MaxLine int
}

// withDefaults is the one place where zeros get their meaning.
func (c Config) withDefaults() Config {
	if c.Level == nil {
		c.Level = slog.LevelInfo
	}
	if c.Labels == (batch.Labels{}) {
		c.Labels = batch.MustLabels("logger", "slog")
	}
	if c.BufferBytes == 0 {
		c.BufferBytes = 4 << 20
	}
	if c.MaxLine == 0 {
		c.MaxLine = max(1, min(256<<10, c.BufferBytes/8))
	}
	return c
}

// minBuffer is the least Config.BufferBytes: it holds a record with as many
// attributes as there may be, and what is being sent.
const minBuffer = 256 << 10

// validate joins one error for every field that is wrong.
func (c *Config) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("slogsource: "+format, args...)) }
	if c.Format < Message || c.Format > JSON {
		bad("Format: %d is none of Message, Text, JSON", c.Format)
	}
	if c.BufferBytes < minBuffer {
		bad("BufferBytes: %d is less than %d", c.BufferBytes, minBuffer)
	}
	if c.MaxWait < 0 {
		bad("MaxWait: is negative")
	}
	if c.MaxLine < 0 {
		bad("MaxLine: is negative")
	}
	if c.MaxLine > c.BufferBytes/2 {
		bad("MaxLine: %d is more than half of BufferBytes", c.MaxLine)
	}
	return errors.Join(errs...)
}
