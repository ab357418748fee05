package chat

import (
	"io"
	"time"
)

// A Script is what a program writes. The zero Script writes nothing and ends at once.
type Script struct {
	Lines int           // how many, over both outputs; negative: until Live has passed, and without it for ever
	Sizes []int         // their lengths in bytes, in turn, without the newline; none: 100
	Burst int           // how many are written at once; 0: all
	Every time.Duration // the pause between bursts

	Stderr  int  // every so manieth line goes to stderr; 0: none
	Odd     int  // every so manieth line has bytes that are hard to keep; 0: none
	Unended bool // the last line has no newline

	Live time.Duration // how long the program lives at least; negative: until it is stopped
	Exit int           // its exit code
}

// block is how much is written at once: as much as a pipe holds.
const block = 64 << 10

// Counts returns how many lines of s go to each output; negative ones if there is no end to them.
func (s Script) Counts() (stdout, stderr int) {
	if s.Lines < 0 {
		return -1, -1
	}
	if s.Stderr > 0 {
		stderr = s.Lines / s.Stderr
	}
	return s.Lines - stderr, stderr
}

// Play writes the lines of s as those of a run, and returns when s is at its end. The first error of a writer ends it.
func (s Script) Play(run string, stdout, stderr io.Writer) error {
	p := player{Script: s, began: time.Now(), run: run}
	p.outs[0] = output{name: Stdout, w: stdout}
	p.outs[1] = output{name: Stderr, w: stderr}
	if err := p.lines(); err != nil {
		return err
	}
	switch rest := s.Live - time.Since(p.began); {
	case s.Live < 0:
		for {
			time.Sleep(time.Hour)
		}
	case rest > 0:
		time.Sleep(rest)
	}
	return nil
}

type player struct {
	Script
	began time.Time
	run   string
	outs  [2]output
}

// An output is one of a player's two.
type output struct {
	name byte
	w    io.Writer
	n    int    // lines so far
	buf  []byte // what of them is still to be written
}

func (o *output) flush() error {
	if len(o.buf) == 0 {
		return nil
	}
	_, err := o.w.Write(o.buf)
	o.buf = o.buf[:0]
	return err
}

// over reports whether all is written.
func (p *player) over(lines int) bool {
	if p.Lines >= 0 {
		return lines >= p.Lines
	}
	return p.Live > 0 && time.Since(p.began) >= p.Live
}

func (p *player) lines() error {
	for i := 0; !p.over(i); i++ {
		if p.Burst > 0 && i > 0 && i%p.Burst == 0 {
			if err := p.flush(); err != nil {
				return err
			}
			if time.Sleep(p.Every); p.over(i) {
				break
			}
		}
		if err := p.line(i); err != nil {
			return err
		}
	}
	return p.flush()
}

// line adds the i-th line of all.
func (p *player) line(i int) error {
	o := &p.outs[0]
	if nth(i, p.Stderr) {
		o = &p.outs[1]
	}
	size := 100
	if len(p.Sizes) > 0 {
		size = p.Sizes[i%len(p.Sizes)]
	}
	o.buf = Line{p.run, o.name, o.n}.Append(o.buf, size, nth(i, p.Odd))
	o.n++
	if !p.Unended || i != p.Lines-1 {
		o.buf = append(o.buf, '\n')
	}
	if len(o.buf) >= block {
		return o.flush()
	}
	return nil
}

func (p *player) flush() error {
	for i := range p.outs {
		if err := p.outs[i].flush(); err != nil {
			return err
		}
	}
	return nil
}

// nth reports whether the i-th, from 0, is one of every so many.
func nth(i, every int) bool { return every > 0 && i%every == every-1 }
