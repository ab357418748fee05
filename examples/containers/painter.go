package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
)

// A painter puts the name of its container in front of each line, in a colour
// that other containers do not have as long as there are colours.
type painter struct {
	terminal bool // what it would act upon is escaped
	colours  bool
	width    int // of the longest name so far
	codes    map[string]string
}

const (
	maxWidth = 40   // longer names stick out
	maxNames = 1000 // after so many, colours are given anew: containers come and go
	reset    = "\x1b[0m"
)

// newPainter returns a painter for what is written to f.
func newPainter(f *os.File) *painter {
	info, err := f.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	plain := os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
	return &painter{terminal: terminal, colours: terminal && !plain, codes: map[string]string{}}
}

func (p *painter) format(dst []byte, e *batch.Entry) []byte {
	name := nameOf(e)
	if n := utf8.RuneCountInString(name); n > p.width {
		p.width = min(n, maxWidth)
	}
	if p.colours {
		dst = append(dst, p.code(name)...)
	}
	dst = fmt.Appendf(dst, "%-*s |", p.width, name)
	if p.colours {
		dst = append(dst, reset...)
	}
	dst = append(dst, ' ')
	return append(p.text(dst, e.Line), '\n')
}

// nameOf is the name of an entry's container, which is an attribute where there
// are too many for labels.
func nameOf(e *batch.Entry) string {
	for _, a := range e.Attrs {
		if a.Key == "container" {
			return a.Value
		}
	}
	return e.Labels.Get("container")
}

// code is the escape sequence for the colour of name: six colours in turn, then
// the same ones bright.
func (p *painter) code(name string) string {
	if p.codes[name] == "" {
		if len(p.codes) == maxNames {
			clear(p.codes)
		}
		order := [...]int{36, 33, 32, 35, 34, 31, 96, 93, 92, 95, 94, 91}
		p.codes[name] = fmt.Sprintf("\x1b[%dm", order[len(p.codes)%len(order)])
	}
	return p.codes[name]
}

// colour is an escape sequence that changes nothing but how text looks.
var colour = regexp.MustCompile(`^\x1b\[[0-9;]*m`)

// text appends a line as it is, or for a terminal such that it can neither move
// the cursor nor colour other lines.
func (p *painter) text(dst, line []byte) []byte {
	if !p.terminal {
		return append(dst, line...)
	}
	painted := false
	for len(line) > 0 {
		if n := len(colour.Find(line)); n > 0 && p.colours {
			dst, line, painted = append(dst, line[:n]...), line[n:], true
			continue
		}
		r, n := utf8.DecodeRune(line)
		if r == '\t' || unicode.IsGraphic(r) && (r != utf8.RuneError || n > 1) {
			dst = append(dst, line[:n]...)
		} else {
			quoted := strconv.AppendQuoteToASCII(nil, string(line[:n]))
			dst = append(dst, bytes.Trim(quoted, `"`)...)
		}
		line = line[n:]
	}
	if painted {
		dst = append(dst, reset...)
	}
	return dst
}
