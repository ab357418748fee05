package source

import (
	"errors"
	"fmt"
	"io"

	"github.com/logferry/logferry/batch"
)

// ReaderConfig says what becomes of what a [Reader] reads. The zero ReaderConfig
// is right for standard input.
type ReaderConfig struct {
	// Labels name the stream: {input="reader"} by default.
	Labels batch.Labels
	// MaxLine is the longest line delivered whole, in bytes without its line end:
	// 1 MiB by default. Of a longer one the first MaxLine bytes are delivered, with
	// the attribute truncated="true", and the rest is skipped.
	MaxLine int
	// KeepCR keeps the carriage return of lines that end in CRLF.
	KeepCR bool
	// CloseToStop closes what is read, which must be an io.Closer, when the
	// source is told to stop while a Read may be under way: for a Read that
	// returns then, as that of an io.Pipe does. Where a deadline serves it is not
	// closed.
	CloseToStop bool
}

func (c ReaderConfig) withDefaults() ReaderConfig {
	if c.Labels == (batch.Labels{}) {
		c.Labels = batch.MustLabels("input", "reader")
	}
	if c.MaxLine == 0 {
		c.MaxLine = 1 << 20
	}
	return c
}

// maxMaxLine is the largest ReaderConfig.MaxLine.
const maxMaxLine = 1 << 30

func (c *ReaderConfig) validate(r io.Reader) error {
	var errs []error
	if r == nil {
		errs = append(errs, errors.New("source: NewReader: the io.Reader is nil"))
	}
	if c.MaxLine < 1 || c.MaxLine > maxMaxLine {
		errs = append(errs, fmt.Errorf("source: NewReader: MaxLine: %d is not within 1 and %d", c.MaxLine, maxMaxLine))
	}
	if _, ok := r.(io.Closer); c.CloseToStop && !ok {
		errs = append(errs, fmt.Errorf("source: NewReader: CloseToStop: a %T has no Close", r))
	}
	return errors.Join(errs...)
}
