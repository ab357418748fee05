package containertest_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/logferry/logferry/source/container/containertest"
)

// A program writes lines in arbitrary portions, and knows which it has ended.
type program struct {
	t      *testing.T
	rand   *rand.Rand
	box    *containertest.Container
	text   [2][]byte // of a line that has no end yet
	lines  []string
	driver string
}

// write writes something: a few lines, or a part of one, most of them short.
func (p *program) write() {
	out := containertest.Output(1 + p.rand.IntN(2))
	var text []byte
	for range 1 + p.rand.IntN(4) {
		size := p.rand.IntN(100)
		switch p.rand.IntN(40) {
		case 0:
			size = 16384 * (1 + p.rand.IntN(2))
		case 1:
			size = p.rand.IntN(40000)
		}
		text = append(text, bytes.Repeat([]byte{byte('a' + p.rand.IntN(26))}, size)...)
		if p.rand.IntN(4) > 0 {
			text = append(text, '\n')
		}
	}
	must(p.t, p.box.Write(out, text))
	rest := append(p.text[out-1], text...)
	for {
		line, after, ok := bytes.Cut(rest, []byte("\n"))
		if !ok {
			break
		}
		p.end(out, line)
		rest = after
	}
	p.text[out-1] = rest
}

// end notes a line.
func (p *program) end(out containertest.Output, line []byte) {
	p.lines = append(p.lines, fmt.Sprintf("%v %s", out, line))
}

// exit ends the program, and with it its lines. What is left of them is no whole
// number of pieces, so that each is logged in the end.
func (p *program) exit() {
	for i := range p.text {
		if n := len(p.text[i]); n > 0 && n%16384 == 0 {
			p.text[i] = append(p.text[i], '.')
			must(p.t, p.box.Write(containertest.Output(i+1), []byte(".")))
		}
	}
	must(p.t, p.box.Exit(0))
	for i, text := range p.text {
		if len(text) > 0 {
			p.end(containertest.Output(i+1), text)
		}
		p.text[i] = nil
	}
}

// retained returns what the engine says it retains, which must be the last lines
// that were written.
func (p *program) retained() (lines []string) {
	p.t.Helper()
	got := p.box.Retained()
	for i, want := range p.lines[len(p.lines)-len(got):] {
		line := fmt.Sprintf("%v %s", got[i].Output, got[i].Text)
		if line != want && !(got[i].Torn && strings.HasSuffix(want, string(got[i].Text))) {
			p.t.Fatalf("line %d of %d that it retains is %q, %q was written", i, len(got), short(line), short(want))
		}
		lines = append(lines, line)
	}
	return lines
}

// joined puts pieces together, by the rule of a client that knows nothing else: a
// piece of 16,384 bytes goes on in the next of its output with its time.
func joined(frames []frame) (lines []string) {
	open := map[containertest.Output]*frame{}
	for _, f := range frames {
		text, ended := strings.CutSuffix(f.text, "\n")
		whole := frame{out: f.out, time: f.time, text: text}
		if o := open[f.out]; o != nil && o.time.Equal(f.time) {
			whole.text = o.text + text
		}
		delete(open, f.out)
		if !ended && len(f.text) == 16384 {
			open[f.out] = &whole
			continue
		}
		lines = append(lines, fmt.Sprintf("%v %s", whole.out, whole.text))
	}
	for _, o := range []containertest.Output{containertest.Stdout, containertest.Stderr} {
		if f := open[o]; f != nil {
			lines = append(lines, fmt.Sprintf("%v %s", f.out, f.text))
		}
	}
	return lines
}

// Whatever is written, by whatever driver it is kept: what the engine retains are
// the last lines that were written, and that is what reading gives; the last frames
// and those since a time are of those; and an engine since 23.0 gives a client that
// follows everything, at whatever rate it rotates.
func TestLogModel(t *testing.T) {
	seeds := uint64(40)
	if os.Getenv("LOGFERRY_SOAK") != "" {
		seeds = 1000
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			gen := containertest.Generation(seed % 2)
			e := containertest.New(containertest.Config{Generation: gen})
			defer e.Close()
			s := containertest.Spec{Driver: []string{"json-file", "local"}[r.IntN(2)], MaxFiles: r.IntN(5)}
			if r.IntN(4) > 0 {
				s.MaxSize = 200 + r.Int64N(20000)
			}
			p := &program{t: t, rand: r, driver: s.Driver, box: e.Create(s)}
			for range 3 {
				p.life(e, gen)
			}
			if kept := len(p.box.Retained()); s.MaxSize == 0 && kept != len(p.lines) {
				t.Errorf("%d lines are retained of %d, without rotation", kept, len(p.lines))
			}
		})
	}
}

// life starts the program, lets it write, and compares.
func (p *program) life(e *containertest.Engine, gen containertest.Generation) {
	t := p.t
	c := connect(t, e)
	must(t, p.box.Start())
	f := following(t, e, p.box.ID(), "0")
	before := len(p.lines)
	for range p.rand.IntN(60) {
		p.write()
		time.Sleep(time.Duration(p.rand.IntN(1000)) * time.Microsecond)
	}
	p.exit()
	followed, err := io.ReadAll(f.body)
	must(t, err)
	if got := joined(demux(t, string(followed))); gen != containertest.Gen20 && !slices.Equal(got, p.lines[before:]) {
		t.Fatalf("following gives %d lines, %d were written", len(got), len(p.lines)-before)
	}
	read := func(change func(*container.LogsOptions)) []frame {
		o := everything
		change(&o)
		return demux(t, logs(t, c, p.box.ID(), o))
	}
	all := read(func(*container.LogsOptions) {})
	if got, want := joined(all), p.retained(); !slices.Equal(got, want) {
		t.Fatalf("reading gives %d lines, %d are retained", len(got), len(want))
	}
	n := p.rand.IntN(len(all) + 3)
	tail := read(func(o *container.LogsOptions) { o.Tail = fmt.Sprint(n) })
	if want := all[max(0, len(all)-n):]; !slices.Equal(tail, want) {
		t.Fatalf("the last %d frames are %d of %d", n, len(tail), len(all))
	}
	p.since(gen, all, read)
}

// since asks for what was logged since some frame. json-file does not compress, by
// which whole files would be left out.
func (p *program) since(gen containertest.Generation, all []frame, read func(func(*container.LogsOptions)) []frame) {
	if len(all) == 0 || p.driver != "json-file" {
		return
	}
	since := all[p.rand.IntN(len(all))].time
	got := read(func(o *container.LogsOptions) { o.Since = since.Format(time.RFC3339Nano) })
	early := func(f frame) bool { return f.time.Before(since) }
	want := all[slices.IndexFunc(all, func(f frame) bool { return !early(f) }):]
	if gen == containertest.Gen20 {
		want = slices.DeleteFunc(slices.Clone(all), early)
	}
	if !slices.Equal(got, want) {
		p.t.Fatalf("since frame %v there are %d of %d, want %d", since, len(got), len(all), len(want))
	}
}
