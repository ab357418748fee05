package chat_test

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/internal/enginetest/chat"
)

// play returns what a script writes to each output, and how long it takes.
func play(t *testing.T, s chat.Script) (stdout, stderr string, took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var o, e bytes.Buffer
		began := time.Now()
		if err := s.Play("run", &o, &e); err != nil {
			t.Fatal(err)
		}
		stdout, stderr, took = o.String(), e.String(), time.Since(began)
	})
	return stdout, stderr, took
}

func TestScripts(t *testing.T) {
	tests := []struct {
		name   string
		script chat.Script
		lens   string // of the lines of stdout, and behind a bar of stderr; ! is a line with odd bytes, ~ one without an end
		took   time.Duration
	}{
		{"zero", chat.Script{}, "|", 0},
		{"lines", chat.Script{Lines: 3}, "100 100 100|", 0},
		{"sizes", chat.Script{Lines: 5, Sizes: []int{50, 16384, 40000}}, "50 16384 40000 50 16384|", 0},
		{"stderr", chat.Script{Lines: 5, Stderr: 2, Sizes: []int{50, 60}}, "50 50 50|60 60", 0},
		{"all to stderr", chat.Script{Lines: 2, Stderr: 1}, "|100 100", 0},
		{"odd", chat.Script{Lines: 4, Odd: 3}, "100 100 100! 100|", 0},
		{"unended", chat.Script{Lines: 3, Unended: true}, "100 100 100~|", 0},
		{"unended on stderr", chat.Script{Lines: 4, Stderr: 2, Unended: true}, "100 100|100 100~", 0},
		{"bursts", chat.Script{Lines: 6, Burst: 2, Every: time.Second}, "100 100 100 100 100 100|", 2 * time.Second},
		{"living on", chat.Script{Lines: 2, Burst: 1, Every: time.Second, Live: 5 * time.Second}, "100 100|", 5 * time.Second},
		{"for a time", chat.Script{Lines: -1, Burst: 1, Every: time.Second, Live: 2500 * time.Millisecond}, "100 100 100|", 3 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stdout, stderr, took := play(t, test.script)
			if got := describe(t, stdout, chat.Stdout) + "|" + describe(t, stderr, chat.Stderr); got != test.lens {
				t.Errorf("lines of %s, want %s", got, test.lens)
			}
			if took != test.took {
				t.Errorf("took %v, want %v", took, test.took)
			}
			o, e := test.script.Counts()
			if o >= 0 && (o != len(strings.Fields(describe(t, stdout, chat.Stdout))) || e != len(strings.Fields(describe(t, stderr, chat.Stderr)))) {
				t.Errorf("counts %d and %d", o, e)
			}
		})
	}
}

// describe checks that the lines are those of an output in their order.
func describe(t *testing.T, text string, output byte) string {
	t.Helper()
	var words []string
	for raw := range strings.Lines(text) {
		line := strings.TrimSuffix(raw, "\n")
		if got, ok := chat.Parse([]byte(line)); !ok || got != (chat.Line{Run: "run", Output: output, N: len(words)}) {
			t.Errorf("line %d to %c is %.60q", len(words), output, line)
		}
		word := strconv.Itoa(len(line))
		if strings.Contains(line, "!") {
			word += "!"
		}
		if line == raw {
			word += "~"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// A script that lives until it is stopped never returns.
func TestLivingForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		done := make(chan error, 1)
		go func() {
			done <- chat.Script{Lines: -1, Burst: 1, Every: time.Second, Live: -1}.Play("run", w, io.Discard)
		}()
		buf := make([]byte, 101)
		for range 1000 {
			if _, err := io.ReadFull(r, buf); err != nil {
				t.Fatal(err)
			}
		}
		r.CloseWithError(errors.New("closed"))
		if err := <-done; err == nil || err.Error() != "closed" {
			t.Errorf("ended with %v, want the error of the output", err)
		}
	})
}

// What is written at once is no more than a pipe takes, so that a container that is killed has written most of it.
func TestLinesAreWrittenInBlocks(t *testing.T) {
	var w sizes
	if err := (chat.Script{Lines: 10_000}).Play("run", &w, io.Discard); err != nil {
		t.Fatal(err)
	}
	if len(w) < 10_000*101/(64<<10) || len(w) > 20 {
		t.Errorf("%d writes: %v", len(w), w)
	}
}

type sizes []int

func (s *sizes) Write(b []byte) (int, error) {
	*s = append(*s, len(b))
	return len(b), nil
}
