package main

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink/sinktest"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/sourcetest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A list is lines that are waited for.
type list struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and renewed when lines are added
}

func (l *list) add(lines ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, lines...)
	close(l.more)
	l.more = make(chan struct{})
}

func (l *list) next(ctx context.Context, n int) (string, bool) {
	for {
		l.mu.Lock()
		lines, more := l.lines, l.more
		l.mu.Unlock()
		if n < len(lines) {
			return lines[n], true
		}
		select {
		case <-more:
		case <-ctx.Done():
			return "", false
		}
	}
}

func TestFeedIsASource(t *testing.T) {
	sourcetest.Run(t, func(testing.TB) sourcetest.Feed {
		l := &list{more: make(chan struct{})}
		return sourcetest.Feed{Write: l.add, New: func() source.Source { return feed{l.next} }}
	})
}

// A buffer is what a printer prints to.
type buffer struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.Write(p)
}

func TestPrinterIsASink(t *testing.T) {
	sinktest.Run(t, func(testing.TB) sinktest.Target {
		return sinktest.Target{Sink: printer{new(buffer)}}
	})
}

func TestPrinterWritesLines(t *testing.T) {
	out := new(buffer)
	b := batch.New(nil, batch.MustLabels("app", "custom"))
	b.Append(time.Time{}, []byte("one"))
	b.Append(time.Time{}, []byte("two"))
	if err := (printer{out}).Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	b.Settle(nil)
	if want := "{app=\"custom\"} one\n{app=\"custom\"} two\n"; out.out.String() != want {
		t.Errorf("got %q, want %q", out.out.String(), want)
	}
}
