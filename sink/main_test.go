package sink_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("down")

// numbered returns a batch of n entries whose lines are their indices.
func numbered(n int) *batch.Batch {
	b := batch.New(nil, batch.MustLabels("app", "shop"))
	for i := range n {
		b.Append(base, []byte(strconv.Itoa(i)))
	}
	b.Retain(1) // read-only, as a pipeline's are
	return b
}

// numbers returns the lines of a batch of numbered, or of a part of it.
func numbers(b *batch.Batch) []int {
	idx := make([]int, len(b.Entries))
	for i, e := range b.Entries {
		n, err := strconv.Atoi(string(e.Line))
		if err != nil {
			panic(err)
		}
		idx[i] = n
	}
	return idx
}

// partial is a PartialError of the given indices, all failed with err.
func partial(err error, idx ...int) error {
	p := &sink.PartialError{}
	for _, i := range idx {
		p.Failures = append(p.Failures, sink.Failure{Index: i, Err: err})
	}
	return p
}

// failures returns what the PartialError in err lists, "none" if err is nil, else err's text.
func failures(err error) string {
	if err == nil {
		return "none"
	}
	p, ok := errors.AsType[*sink.PartialError](err)
	if !ok {
		return err.Error()
	}
	s := ""
	for _, f := range p.Failures {
		if s != "" {
			s += " "
		}
		s += strconv.Itoa(f.Index)
		if sink.IsPermanent(f.Err) {
			s += "!"
		}
	}
	return s
}

// A script is a Sink that answers one Write after the other, and records what it was given. The last answer is
// repeated.
type script struct {
	answers []error
	given   [][]int
	closed  int
}

func (s *script) Write(_ context.Context, b *batch.Batch) error {
	s.given = append(s.given, numbers(b))
	return s.answers[min(len(s.given), len(s.answers))-1]
}

func (s *script) Close(context.Context) error {
	s.closed++
	return nil
}

func (s *script) want(t *testing.T, given ...[]int) {
	t.Helper()
	if !slices.EqualFunc(s.given, given, slices.Equal) {
		t.Errorf("written: %v, want %v", s.given, given)
	}
}

func wantPanic(t *testing.T, text string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if v := recover(); fmt.Sprint(v) != text {
			t.Errorf("panic: %v, want %s", v, text)
		}
	}()
	f()
}
