package enginetest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/logferry/logferry/internal/enginetest/chat"
)

// A Ledger knows which lines of containers were delivered, and which there were to deliver. The zero Ledger is empty. Its
// methods may be called from any goroutine; it keeps nothing that it is given.
//
// Lines are known by container, run and output, and each of these is held to its own order. A container is named by its
// full id, which its lines hold the beginning of: one that is delivered as another's is strange.
type Ledger struct {
	mu       sync.Mutex
	runs     map[runKey]*account
	cut      map[cutKey]*counts
	expected []expectation
	verdict  Verdict // what needs no comparison
}

// A runKey is one output of one run of a container.
type runKey struct {
	container string
	run       string
	output    byte
}

// A cutKey is what is no whole line: what a container had written of one when it was killed.
type cutKey struct {
	container string
	output    byte
	text      string
}

type counts struct{ taken, retained int }

type expectation struct {
	container string
	script    Script
}

// An account holds what is known of each line of a run's output, by its number.
type account struct {
	lines []state
	last  int // the highest number taken
}

type state uint8

const (
	taken state = 1 << iota
	due
)

func (a *account) at(n int) *state {
	for len(a.lines) <= n {
		a.lines = append(a.lines, 0)
	}
	return &a.lines[n]
}

// A Verdict is what a Ledger has found.
type Verdict struct {
	Lines    int // delivered
	Lost     int // retained or expected, and not delivered
	Twice    int // deliveries of a line but for the first
	Disorder int // lines that came after a later one, and for the first time
	Strange  int // what no script wrote, nor the engine retained
	Skipped  int // not delivered, though later ones were: whether they are lost, Retained and Expect have to say

	Examples []string // some of all but the skipped
}

// examples is how many are kept.
const examples = 20

func (v *Verdict) example(format string, args ...any) {
	if len(v.Examples) < examples {
		v.Examples = append(v.Examples, fmt.Sprintf(format, args...))
	}
}

// Err returns nil unless lines were lost, strange, out of order or came twice.
func (v Verdict) Err() error {
	if v.Lost+v.Twice+v.Disorder+v.Strange == 0 {
		return nil
	}
	err := fmt.Errorf("%d lines delivered: %d lost, %d twice, %d out of order, %d strange",
		v.Lines, v.Lost, v.Twice, v.Disorder, v.Strange)
	for _, example := range v.Examples {
		err = errors.Join(err, errors.New(example))
	}
	return err
}

// Take notes that a line was delivered, without its newline, as one that the container wrote to output: chat.Stdout or
// chat.Stderr. With a tty there is one output, Stdout, and what the container wrote to the other is taken as such.
func (l *Ledger) Take(container string, output byte, tty bool, text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.verdict.Lines++
	a, n, ok := l.find(container, output, tty, text)
	if !ok {
		l.cutOff(container, output, text).taken++
		return
	}
	switch s := a.at(n); {
	case *s&taken != 0:
		l.verdict.Twice++
		l.verdict.example("twice: %.100q of %.12s", text, container)
	case n < a.last:
		l.verdict.Disorder++
		l.verdict.example("after line %d: %.100q of %.12s", a.last, text, container)
		fallthrough
	default:
		*s |= taken
	}
	a.last = max(a.last, n)
}

// Retained notes that lines are to be delivered, since the engine has them. It is called once for a container, when all
// that it has to deliver is there.
func (l *Ledger) Retained(container string, tty bool, lines []Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range lines {
		if a, n, ok := l.find(container, line.Output, tty, line.Text); ok {
			*a.at(n) |= due
		} else {
			l.cutOff(container, line.Output, line.Text).retained++
		}
	}
}

// Expect notes that all lines of a script are to be delivered, of each run of a container of which any is known, and of
// one run at least.
func (l *Ledger) Expect(container string, s Script) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expected = append(l.expected, expectation{container, s})
}

// find returns the account that a line belongs to, and its number there.
func (l *Ledger) find(container string, output byte, tty bool, text []byte) (a *account, n int, ok bool) {
	line, ok := chat.Parse(text)
	const short = 12 // of an id, which is the name of a container's host
	if !ok || !tty && line.Output != output || len(line.Run) < short || len(container) < short || line.Run[:short] != container[:short] {
		return nil, 0, false
	}
	key := runKey{container, line.Run, line.Output}
	a = l.runs[key]
	if a == nil {
		if l.runs == nil {
			l.runs = map[runKey]*account{}
		}
		a = &account{last: -1}
		l.runs[key] = a
	}
	return a, line.N, true
}

func (l *Ledger) cutOff(container string, output byte, text []byte) *counts {
	key := cutKey{container, output, string(text)}
	c := l.cut[key]
	if c == nil {
		if l.cut == nil {
			l.cut = map[cutKey]*counts{}
		}
		c = new(counts)
		l.cut[key] = c
	}
	return c
}

// Verdict compares what was delivered with what was to be.
func (l *Ledger) Verdict() Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.verdict
	v.Examples = append([]string(nil), v.Examples...)
	for _, e := range l.expected {
		l.hold(e, &v)
	}
	for key, a := range l.runs {
		a.judge(key, &v)
	}
	for key, c := range l.cut {
		c.judge(key, &v)
	}
	return v
}

// hold marks the lines of an expectation as due.
func (l *Ledger) hold(e expectation, v *Verdict) {
	stdout, stderr := e.script.Counts()
	runs := map[string]bool{}
	for key := range l.runs {
		if key.container == e.container {
			runs[key.run] = true
		}
	}
	if len(runs) == 0 && stdout+stderr > 0 {
		v.Lost += stdout + stderr
		v.example("lost: all %d lines of %.12s", stdout+stderr, e.container)
	}
	for run := range runs {
		for output, lines := range map[byte]int{chat.Stdout: stdout, chat.Stderr: stderr} {
			if lines == 0 {
				continue
			}
			key := runKey{e.container, run, output}
			if l.runs[key] == nil {
				l.runs[key] = &account{last: -1}
			}
			for n := range lines {
				*l.runs[key].at(n) |= due
			}
		}
	}
}

func (a *account) judge(key runKey, v *Verdict) {
	for n, s := range a.lines {
		if s == due {
			v.Lost++
			v.example("lost: line %d that run %s wrote to %c of %.12s", n, key.run, key.output, key.container)
		}
		if s&taken == 0 && n < a.last {
			v.Skipped++
		}
	}
}

func (c *counts) judge(key cutKey, v *Verdict) {
	switch {
	case c.taken < c.retained:
		v.Lost += c.retained - c.taken
		v.example("lost: the part %.100q to %c of %.12s", key.text, key.output, key.container)
	case c.retained == 0:
		v.Strange += c.taken
		v.example("strange: %d bytes, %.100q, to %c of %.12s", len(key.text), key.text, key.output, key.container)
	case c.taken > c.retained:
		v.Twice += c.taken - c.retained
		v.example("twice: the part %.100q to %c of %.12s", key.text, key.output, key.container)
	}
}
