package sink_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A funnel is an io.Writer that takes only so much of each write.
type funnel struct {
	bytes.Buffer
	takes  []int // of each write; -1: all; nothing left: all
	writes int
	err    error // returned with what is short
	spite  bool  // and with what is too long
}

func (f *funnel) Write(p []byte) (int, error) {
	n := -1
	if f.writes < len(f.takes) {
		n = f.takes[f.writes]
	}
	f.writes++
	if n == -1 || n >= len(p) && !f.spite {
		return f.Buffer.Write(p)
	}
	f.Buffer.Write(p[:max(0, min(n, len(p)))])
	return n, f.err
}

// words returns a batch of the given lines.
func words(lines ...string) *batch.Batch {
	b := batch.New(nil, batch.MustLabels("app", "shop"))
	for _, l := range lines {
		b.Append(base, []byte(l))
	}
	return b
}

func TestWriter(t *testing.T) {
	f := &funnel{}
	s := sink.Writer(f)
	for _, b := range []*batch.Batch{words("one", "", "two\nand a half"), words(), words("\x00\xff")} {
		if err := s.Write(t.Context(), b); err != nil {
			t.Error(err)
		}
	}
	if got := f.String(); got != "one\n\ntwo\nand a half\n\x00\xff\n" {
		t.Errorf("wrote %q", got)
	}
	if f.writes != 2 {
		t.Errorf("%d writes, want one for each batch that has entries", f.writes)
	}
	if err := s.Close(t.Context()); err != nil || f.writes != 2 {
		t.Errorf("Close: %v, %d writes", err, f.writes)
	}
}

func TestWriterFunc(t *testing.T) {
	var buf bytes.Buffer
	s := sink.WriterFunc(&buf, func(dst []byte, e *batch.Entry) []byte {
		dst = e.Labels.Append(append(dst, '['))
		return append(append(append(dst, ' '), e.Line...), ']')
	})
	b := words("one", "two")
	b.Entries[1].Labels = batch.MustLabels("app", "bank")
	if err := s.Write(t.Context(), b); err != nil {
		t.Error(err)
	}
	if got, want := buf.String(), `[{app="shop"} one][{app="bank"} two]`; got != want {
		t.Errorf("wrote %s, want %s", got, want)
	}
	if b.Entries[0].Labels != (batch.Labels{}) {
		t.Error("the batch was changed")
	}
}

// What a writer that takes a part of a write makes of "one\ntwo\nthree\n", and of what is written next.
func TestWriterShort(t *testing.T) {
	for _, test := range []struct {
		name   string
		takes  []int
		next   string // written in a second batch, before what failed
		first  string // failures
		second string
		want   string // after everything, retried and closed
	}{
		{"nothing", []int{0}, "", "sink: writer: full", "", "one\ntwo\nthree\n"},
		{"a part of the first", []int{2}, "", "sink: writer: full", "", "one\ntwo\nthree\n"},
		{"the first", []int{4}, "", "1 2", "", "one\ntwo\nthree\n"},
		{"the first and a part of the second", []int{5}, "", "1 2", "", "one\ntwo\nthree\n"},
		{"all but the last byte", []int{13}, "", "2", "", "one\ntwo\nthree\n"},
		{"more than there is", []int{99}, "", "sink: writer: full", "", "one\ntwo\nthree\none\ntwo\nthree\n"},
		{"less than nothing", []int{-5, 0}, "", "sink: writer: full", "", "one\ntwo\nthree\n"},
		{"a part, and then another's", []int{5}, "four", "1 2", "none", "one\ntwo\nfour\nthree\n"},
		{"a part, and then another's of the same text", []int{5}, "two", "1 2", "none", "one\ntwo\ntwo\nthree\n"},
		{"a part, and less of the rest", []int{5, 1}, "four", "1 2", "sink: writer: full", "one\ntwo\nthree\nfour\n"},
		{"a part, and the rest only", []int{5, 3}, "four", "1 2", "sink: writer: full", "one\ntwo\nthree\nfour\n"},
		{"a part, and then a part of another's", []int{5, 5}, "four", "1 2", "sink: writer: full", "one\ntwo\nfour\ntwo\nthree\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &funnel{takes: test.takes, err: errors.New("full"), spite: true}
			s := sink.Writer(f)
			b := words("one", "two", "three")
			d := even.Begin(b)
			err := s.Write(t.Context(), d.Batch())
			if got := failures(err); got != test.first {
				t.Errorf("failed: %s, want %s", got, test.first)
			}
			var nd *sink.Delivery
			if test.next != "" {
				nd = even.Begin(words(test.next))
				nerr := s.Write(t.Context(), nd.Batch())
				if got := failures(nerr); got != test.second {
					t.Errorf("next failed: %s, want %s", got, test.second)
				}
				nd.Done(nerr)
			}
			for _, again := d.Done(err); again; {
				_, again = d.Done(s.Write(t.Context(), d.Batch()))
			}
			if nd != nil && nd.Batch() != nil {
				nd.Done(s.Write(t.Context(), nd.Batch()))
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if got := f.String(); got != test.want {
				t.Errorf("wrote %q, want %q", got, test.want)
			}
		})
	}
}

// A line that is completed for another batch is not written twice, though it was tried in vain before.
func TestWriterShortTwice(t *testing.T) {
	f := &funnel{takes: []int{5, 0}, err: errors.New("full")}
	s := sink.Writer(f)
	d := even.Begin(words("one", "two", "three"))
	for range 2 {
		d.Done(s.Write(t.Context(), d.Batch()))
	}
	if err := s.Write(t.Context(), words("four")); err != nil {
		t.Error(err)
	}
	if _, again := d.Done(s.Write(t.Context(), d.Batch())); again {
		t.Error("not delivered")
	}
	if got, want := f.String(), "one\ntwo\nfour\nthree\n"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

func TestWriterShortWithoutError(t *testing.T) {
	f := &funnel{takes: []int{4}}
	err := sink.Writer(f).Write(t.Context(), words("one", "two"))
	p, ok := errors.AsType[*sink.PartialError](err)
	if !ok || failures(err) != "1" || !errors.Is(p.Failures[0].Err, io.ErrShortWrite) {
		t.Errorf("got %v", err)
	}
}

// A line that nobody writes again is completed at Close, so that whoever writes to the same file next begins a line.
func TestWriterCloseCompletes(t *testing.T) {
	f := &funnel{takes: []int{5, 1}, err: errors.New("full")}
	s := sink.Writer(f)
	s.Write(t.Context(), words("one", "two"))
	if err := s.Close(t.Context()); err == nil || err.Error() != "sink: writer: close: completing a line: full" {
		t.Errorf("got %v", err)
	}
	f = &funnel{takes: []int{5}, err: errors.New("full")}
	s = sink.Writer(f)
	s.Write(t.Context(), words("one", "two"))
	if err := s.Close(t.Context()); err != nil || f.String() != "one\ntwo\n" {
		t.Errorf("wrote %q: %v", f.String(), err)
	}
}

// Writes take turns, and waiting for one's turn ends with ctx.
func TestWriterTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pr, pw := io.Pipe()
		s := sink.Writer(pw)
		first := make(chan error)
		go func() { first <- s.Write(t.Context(), words("one")) }()
		synctest.Wait()
		closing := errors.New("closing")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, closing)
		defer cancel()
		if err := s.Write(ctx, words("two")); !errors.Is(err, closing) {
			t.Errorf("got %v", err)
		}
		if err := s.Close(ctx); !errors.Is(err, closing) {
			t.Errorf("got %v", err)
		}
		buf := make([]byte, 10)
		n, _ := pr.Read(buf)
		if err := <-first; err != nil || string(buf[:n]) != "one\n" {
			t.Errorf("wrote %q: %v", buf[:n], err)
		}
		if err := s.Write(ctx, words("three")); !errors.Is(err, closing) { // its turn, but too late
			t.Errorf("got %v", err)
		}
	})
}

// A panic of w or of format leaves the next Write its turn.
func TestWriterPanics(t *testing.T) {
	var buf bytes.Buffer
	s := sink.WriterFunc(&buf, func(dst []byte, e *batch.Entry) []byte {
		if string(e.Line) == "no" {
			panic("no")
		}
		return append(dst, e.Line...)
	})
	wantPanic(t, "no", func() { s.Write(t.Context(), words("yes", "no")) })
	if err := s.Write(t.Context(), words("yes")); err != nil || buf.String() != "yes" {
		t.Errorf("wrote %q: %v", buf.String(), err)
	}
}

// A writer that takes what it likes is written whole lines, each once if its batch is retried before the next is
// written, each at least once otherwise.
func TestWriterProperty(t *testing.T) {
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		alone := seed%2 == 0
		f := &funnel{err: errors.New("full")}
		for range rnd.IntN(60) {
			f.takes = append(f.takes, rnd.IntN(30)-1)
		}
		s := sink.Writer(f)
		var open []*sink.Delivery
		want := map[string]int{}
		for i := 0; i < 6 || len(open) > 0; i++ {
			if i < 6 && (len(open) == 0 || !alone) {
				var lines []string
				for range rnd.IntN(5) {
					lines = append(lines, strings.Repeat("x", rnd.IntN(3))) // often the same
				}
				for _, l := range lines {
					want[l]++
				}
				open = append(open, even.Begin(words(lines...)))
			}
			if len(open) == 0 {
				continue
			}
			k := rnd.IntN(len(open))
			if _, again := open[k].Done(s.Write(t.Context(), open[k].Batch())); !again {
				open = slices.Delete(open, k, k+1)
			}
		}
		if err := s.Close(t.Context()); err != nil && f.writes > len(f.takes) {
			t.Errorf("seed %d: %v", seed, err)
		}
		got := map[string]int{}
		for l := range strings.Lines(f.String()) {
			got[strings.TrimSuffix(l, "\n")]++
			if _, ok := want[strings.TrimSuffix(l, "\n")]; !ok || !strings.HasSuffix(l, "\n") {
				t.Fatalf("seed %d: torn: %q", seed, l)
			}
		}
		if alone && fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("seed %d: wrote %v, want %v", seed, got, want)
		}
		for l, n := range want {
			if got[l] < n {
				t.Fatalf("seed %d: %q written %d times, want %d", seed, l, got[l], n)
			}
		}
	}
}
