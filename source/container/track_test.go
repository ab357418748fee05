package container

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source/record"
)

// A course is what a track makes of messages, in one go or in several.
type course struct {
	plan *plan
	log  []frame
	got  []string // entries, with their outputs
	pool batch.Pool
}

// run goes on from p, with no more than most messages, and returns where it got
// to.
func (c *course) run(t *testing.T, p position, most int, end bool) position {
	t.Helper()
	tr := newTrack(c.plan, func() *batch.Batch { return batch.New(&c.pool, batch.Labels{}) })
	tr.describe(false, nil)
	m, found := newMarker(true), p.start()
	if found {
		tr.begin(p)
	}
	for i := range c.log {
		k, _ := m.mark(&c.log[i])
		if !found {
			if found = k == p.after; found {
				tr.begin(p)
			}
			continue
		}
		if most--; most < 0 {
			break
		}
		tr.add(&c.log[i], k)
	}
	if !found {
		t.Fatalf("there is no message %+v", p.after)
	}
	if end {
		tr.close()
	}
	next := tr.position()
	b := tr.take()
	for i := range b.Entries {
		e := &b.Entries[i]
		c.got = append(c.got, fmt.Sprintf("%s %d %s", attr(e, attrStream), e.Time.UnixNano(), e.Line))
	}
	b.Settle(nil)
	tr.settled()
	if again := tr.position(); again != next {
		t.Fatalf("forgetting marks has changed %+v to %+v", next, again)
	}
	return next
}

// of are the entries of one output.
func (c *course) of(out string) (some []string) {
	for _, l := range c.got {
		if strings.HasPrefix(l, out) {
			some = append(some, l)
		}
	}
	return some
}

// randomLog is a log of lines of two outputs, in pieces at times, which share times
// now and then.
func randomLog(rnd *rand.Rand) (log []frame) {
	now := time.Date(2025, 11, 2, 3, 4, 5, 0, time.UTC).UnixNano()
	var rest [3]struct {
		time int64
		text string
	}
	for range 5 + rnd.IntN(60) {
		now += int64(rnd.IntN(3))
		out := record.Stdout + record.Stream(rnd.IntN(2))
		r := &rest[out]
		if r.text == "" {
			r.time, r.text = now, fmt.Sprintf("%s%d", []string{"", " "}[rnd.IntN(2)], len(log))
			if rnd.IntN(4) == 0 {
				r.text += strings.Repeat("x", rnd.IntN(3*pieceSize))
			}
			r.text += "\n"
		}
		n := min(len(r.text), pieceSize)
		log = append(log, frame{out: out, time: r.time, data: []byte(r.text[:n])})
		r.text = r.text[n:]
	}
	return log
}

// Whatever a track has been given when it ends, another one goes on from its
// position, so that all entries are made once.
func TestTrackGoesOn(t *testing.T) {
	for seed := range uint64(150) {
		rnd := rand.New(rand.NewPCG(seed, 8))
		var cfg Config
		if seed%2 == 0 {
			cfg.Multiline = record.Multiline{Rule: record.Start(regexp.MustCompile(`^\d`))}
		}
		p, err := prepare(cfg)
		if err != nil {
			t.Fatal(err)
		}
		log := randomLog(rnd)
		whole := course{plan: p, log: log}
		whole.run(t, position{}, len(log), true)
		parts := course{plan: p, log: log}
		var at position
		for rnd.IntN(40) > 0 {
			at = parts.run(t, at, rnd.IntN(12)+rnd.IntN(2)*len(log), false)
			if at, err = parsePosition(string(at.append(nil))); err != nil {
				t.Fatal(err)
			}
		}
		parts.run(t, at, len(log), true)
		for _, out := range []string{"stdout", "stderr"} {
			if got, want := parts.of(out), whole.of(out); !slices.Equal(got, want) {
				t.Fatalf("seed %d, %s: %s", seed, out, difference(got, want))
			}
		}
	}
}

// What is accepted as a cursor is what append writes.
func FuzzPosition(f *testing.F) {
	f.Add("")
	f.Add("1 0 0 0 0")
	f.Add("1 18747d1a5a5b4c00 1 0 cbf29ce484222325")
	f.Add("1 18747d1a5a5b4c00 2 3 1 1 18747d1a5a5b4c01 0 2")
	f.Add("2 18747d1a5a5b4c00 1 0 1")
	f.Add("1 018747d1a5a5b4c00 1 0 1")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePosition(text)
		if err != nil {
			if p != (position{}) {
				t.Fatalf("%v with %+v", err, p)
			}
			return
		}
		if again := string(p.append(nil)); text != "" && again != text {
			t.Fatalf("%q is read as %q", text, again)
		}
	})
}

func TestMarks(t *testing.T) {
	f := func(out record.Stream, time int64, text string) *frame {
		return &frame{out: out, time: time, data: []byte(text)}
	}
	m := newMarker(false)
	a, sure := m.mark(f(1, 5, "a"))
	if sure {
		t.Error("sure of the first message")
	}
	if b, _ := m.mark(f(1, 5, "a")); b == a {
		t.Error("equal messages have one mark")
	}
	if _, sure = m.mark(f(2, 6, "a")); !sure {
		t.Error("not sure, although an earlier time was read")
	}
	if _, sure = m.mark(f(1, 5, "a")); sure {
		t.Error("sure of a piece whose first one may not have been read")
	}
	if _, sure = m.mark(f(1, 4, "a")); !sure {
		t.Error("not sure, although the output has another time")
	}
	if _, sure = newMarker(true).mark(f(1, 5, "a")); !sure {
		t.Error("not sure of the first message of all")
	}
	long := strings.Repeat("x", 100)
	x, _ := newMarker(true).mark(f(1, 5, long+"1"))
	y, _ := newMarker(true).mark(f(1, 5, long+"2"))
	z, _ := newMarker(true).mark(f(1, 5, long+"x1"))
	if x == y || x == z {
		t.Error("messages that differ in their ends, or length, have one mark")
	}
}
