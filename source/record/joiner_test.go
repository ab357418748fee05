package record

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// An input is lines with the places they have.
type input struct {
	lines  []Line
	starts []int64
	size   int64
}

func (in *input) add(l Line) {
	in.lines = append(in.lines, l)
	in.starts = append(in.starts, in.size)
	in.size += int64(len(l.Text)) + 1
}

func (in *input) end(i int) int64 {
	if i+1 < len(in.starts) {
		return in.starts[i+1]
	}
	return in.size
}

// A sent record, as a test compares it.
type sent struct {
	stream    Stream
	text      string
	truncated bool
	start     int64
}

// naive joins lines of one stream at a time with the whole input at hand. A line
// that begins with S starts a record.
func naive(in *input, l Limits, multiline bool) (all []sent) {
	for _, stream := range []Stream{None, Stdout, Stderr} {
		var open *sent // lines
		var piece *sent
		n := 0
		flush := func() {
			if open != nil {
				all = append(all, *open)
			}
			open = nil
		}
		whole := func(s sent) {
			if len(s.text) > l.MaxBytes {
				s.text, s.truncated = s.text[:l.MaxBytes], true
			}
			switch {
			case !multiline:
				all = append(all, s)
				return
			case open == nil || strings.HasPrefix(s.text, "S"):
			case n < l.MaxLines && !open.truncated && len(open.text)+1+len(s.text) <= l.MaxBytes:
				open.text += "\n" + s.text
				n++
				return
			}
			flush()
			open, n = &s, 1
		}
		for i, line := range in.lines {
			if line.Stream != stream {
				if (line.Stream == None) != (stream == None) {
					if piece != nil {
						whole(*piece)
					}
					piece = nil
					flush()
				}
				continue
			}
			if piece == nil {
				piece = &sent{stream: stream, start: in.starts[i]}
			}
			piece.text += string(line.Text)
			if !line.Partial {
				whole(*piece)
				piece = nil
			}
		}
		if piece != nil {
			whole(*piece)
		}
		flush()
	}
	return all
}

// feed runs a Joiner over in. At each line it may be begun again, as after a
// restart, from where Resume says. What that tells to skip is skipped by the
// Joiner or, if passed is set, here, which tells it of the end.
func feed(in *input, r Rule, l Limits, passed bool, restart func() bool) (all []sent, longest int) {
	j := NewJoiner(r, l, func(r *Record) {
		all = append(all, sent{r.Stream, string(r.Text), r.Truncated, r.Start})
	})
	var skip Position // by us: Skip and Until of it
	for i := 0; i < len(in.lines); i++ {
		line := in.lines[i]
		text := slices.Clone(line.Text)
		line.Text = text
		switch {
		case skip.Skip == None || skip.Skip != line.Stream:
			j.Add(&line, in.starts[i], in.end(i))
		case in.end(i) == skip.Until:
			j.Passed(skip.Skip, skip.Until)
			skip = Position{}
		}
		for k := range text {
			text[k] = 0xDB // what was given may be used for something else
		}
		for k := range j.keys {
			longest = max(longest, cap(j.keys[k].group.Text)+cap(j.keys[k].line.Text))
		}
		p := j.Resume(in.end(i))
		if skip.Skip != None {
			p.Skip, p.Until = skip.Skip, skip.Until
		}
		if restart() {
			if passed {
				if skip = p; p.Until <= p.Offset {
					skip = Position{}
				}
				j.Reset(Position{})
			} else {
				j.Reset(p)
			}
			i = slices.Index(in.starts, p.Offset) - 1
			if p.Offset == in.size {
				return all, longest
			}
		}
	}
	j.Close()
	slices.SortStableFunc(all, func(a, b sent) int { return int(a.stream) - int(b.stream) })
	return all, longest
}

func randomInput(rnd *rand.Rand) *input {
	in := &input{}
	kinds := [][]Stream{{None}, {Stdout, Stderr}, {Stdout, Stdout, Stderr, None}}[rnd.IntN(3)]
	for range rnd.IntN(30) {
		text := strings.Repeat(string(rune('a'+rnd.IntN(3))), rnd.IntN(6))
		if rnd.IntN(3) == 0 {
			text = "S" + text
		}
		stream := kinds[rnd.IntN(len(kinds))]
		in.add(Line{Stream: stream, Text: []byte(text), Partial: stream != None && rnd.IntN(3) == 0})
	}
	return in
}

// However often reading is begun again, each record comes once, and as the
// reference has it.
func TestJoinerAgainstReference(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 7))
	for range 20_000 {
		in := randomInput(rnd)
		checkJoiner(t, in, Limits{MaxLines: 1 + rnd.IntN(5), MaxBytes: 1 + rnd.IntN(20)}, rnd)
		if t.Failed() {
			return
		}
	}
}

func checkJoiner(t *testing.T, in *input, l Limits, rnd *rand.Rand) {
	t.Helper()
	for _, multiline := range []bool{false, true} {
		var r Rule
		if multiline {
			r = Start(regexp.MustCompile("^S"))
		}
		want := naive(in, l, multiline)
		budget := 400
		again := func() bool { // seldom enough to get on
			budget--
			return budget > 0 && rnd.IntN(4) == 0
		}
		for name, restart := range map[string]func() bool{
			"once": func() bool { return false }, "again": again, "again, skipped here": again,
		} {
			got, longest := feed(in, r, l, strings.HasSuffix(name, "here"), restart)
			slices.SortStableFunc(got, func(a, b sent) int { return int(a.stream) - int(b.stream) })
			if !slices.Equal(got, want) {
				t.Errorf("%s, %+v, multiline %v:\ninput %s\ngot  %+v\nwant %+v", name, l, multiline, in, got, want)
			}
			if longest > 4*l.MaxBytes+64 {
				t.Errorf("held %d bytes, with MaxBytes %d", longest, l.MaxBytes)
			}
		}
	}
}

func (in *input) String() string {
	var b strings.Builder
	for _, l := range in.lines {
		fmt.Fprintf(&b, "%v:%q partial=%v ", l.Stream, l.Text, l.Partial)
	}
	return b.String()
}

func FuzzJoiner(f *testing.F) {
	f.Add([]byte("1Sa\n1b\n5c\n6Sd\n2e\n0f\n"), uint8(3), uint8(10))
	f.Fuzz(func(t *testing.T, data []byte, maxLines, maxBytes uint8) {
		in := &input{}
		for line := range strings.Lines(string(data)) {
			line = strings.ToValidUTF8(strings.TrimSuffix(line, "\n"), "?")
			l := Line{Stream: Stream(len(line) % 3), Text: []byte(line)}
			if len(line) > 0 {
				l.Stream, l.Partial, l.Text = Stream(line[0]%3), line[0]&4 != 0 && line[0]%3 != 0, []byte(strings.Map(ascii, line[1:]))
			}
			in.add(l)
		}
		if len(in.lines) > 100 {
			return
		}
		checkJoiner(t, in, Limits{MaxLines: 1 + int(maxLines), MaxBytes: 1 + int(maxBytes)}, rand.New(rand.NewPCG(uint64(len(data)), 1)))
	})
}

func ascii(r rune) rune {
	if r > 0x7F {
		return 'u' // where text is cut is for another test
	}
	return r
}

// joined is what a rule makes of text.
func joined(r Rule, text string) (all []string) {
	j := NewJoiner(r, Limits{MaxLines: 100, MaxBytes: 10_000}, func(r *Record) { all = append(all, string(r.Text)) })
	at := int64(0)
	for line := range strings.Lines(text) {
		end := at + int64(len(line))
		j.Add(&Line{Text: []byte(strings.TrimSuffix(line, "\n"))}, at, end)
		at = end
	}
	j.Close()
	return all
}

// What has a time is not joined to what is too old.
func TestJoinerTimeout(t *testing.T) {
	var got []string
	j := NewJoiner(Start(regexp.MustCompile("^S")), Limits{Timeout: time.Second}, func(r *Record) {
		got = append(got, fmt.Sprintf("%v %s %d", r.Stream, r.Text, r.Lines))
	})
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, step := range []struct {
		after time.Duration
		l     Line
		want  int // records so far
	}{
		{0, Line{Stream: Stdout, Text: []byte("Sa")}, 0},
		{900 * time.Millisecond, Line{Stream: Stdout, Text: []byte("b")}, 0},
		{900 * time.Millisecond, Line{Stream: Stderr, Text: []byte("Sx"), Partial: true}, 0},
		{100 * time.Millisecond, Line{Stream: Stderr, Text: []byte("y")}, 1}, // stdout was silent for a second
		{time.Hour, Line{Stream: Stdout, Text: []byte("c")}, 2},
		{0, Line{Stream: Stdout, Text: []byte("d"), Partial: true}, 2},
		{time.Second, Line{Stream: Stdout, Text: []byte("e")}, 3},
	} {
		at = at.Add(step.after)
		step.l.Time = at
		j.Add(&step.l, int64(i), int64(i+1))
		if len(got) != step.want {
			t.Fatalf("after line %d: %q", i, got)
		}
	}
	j.Close()
	if want := []string{"stdout Sa\nb 2", "stderr Sxy 1", "stdout c\nd 2", "stdout e 1"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestJoinerCloseBefore(t *testing.T) {
	var got []string
	j := NewJoiner(Start(regexp.MustCompile("^S")), Limits{}, func(r *Record) { got = append(got, string(r.Text)) })
	j.Add(&Line{Stream: Stdout, Text: []byte("Sa")}, 0, 3)
	j.Add(&Line{Stream: Stderr, Text: []byte("Sx"), Partial: true}, 3, 6)
	if j.CloseBefore(0); len(got) > 0 || !j.Open() {
		t.Fatalf("closed %q", got)
	}
	j.CloseBefore(1)
	if p := j.Resume(6); len(got) != 1 || p != (Position{Offset: 3}) {
		t.Errorf("%q, resumes at %+v", got, p)
	}
	j.Add(&Line{Stream: Stdout, Text: []byte("Sb")}, 6, 9)
	j.Add(&Line{Stream: Stdout, Text: []byte("Sc")}, 9, 12)
	if p := j.Resume(12); p != (Position{Offset: 3, Skip: Stdout, Until: 9}) {
		t.Errorf("resumes at %+v", p)
	}
	j.CloseBefore(4)
	if p := j.Resume(12); p != (Position{Offset: 9}) {
		t.Errorf("resumes at %+v", p)
	}
	if j.Close(); j.Open() || j.Resume(12) != (Position{Offset: 12}) {
		t.Error("open after Close")
	}
	if want := []string{"Sa", "Sb", "Sx", "Sc"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
