package source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/sourcetest"
)

// newReader returns a Reader.
func newReader(t testing.TB, r io.Reader, cfg source.ReaderConfig) *source.Reader {
	t.Helper()
	src, err := source.NewReader(r, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// TestReaderContract: a Reader of a pipe keeps the contract of sources.
func TestReaderContract(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a Read of a pipe cannot be interrupted")
	}
	sourcetest.Run(t, func(t testing.TB) sourcetest.Feed {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(); w.Close() })
		return sourcetest.Feed{
			Volatile: true,
			New:      func() source.Source { return newReader(t, r, source.ReaderConfig{}) },
			Write: func(lines ...string) {
				if _, err := io.WriteString(w, strings.Join(lines, "\n")+"\n"); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

// readAll runs a Reader to the end of r and returns what arrived.
func readAll(t *testing.T, r io.Reader, cfg source.ReaderConfig) (entries []batch.Entry, err error) {
	g := newRig(t)
	err = g.out.Run(t.Context(), newReader(t, r, cfg))
	for _, p := range g.r.Delivered() {
		entries = append(entries, p.Entries...)
	}
	return entries, err
}

// checkReader wants text, which comes in pieces of n bytes, to be split as it is
// the obvious way.
func checkReader(t *testing.T, text []byte, n, maxLine int, keepCR bool) {
	t.Helper()
	got, err := readAll(t, &pieces{text, n}, source.ReaderConfig{MaxLine: maxLine, KeepCR: keepCR})
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if !keepCR {
			line = bytes.TrimSuffix(line, []byte("\r"))
		}
		if i >= len(got) {
			t.Fatalf("only %d lines of %q", len(got), text)
		}
		cut := len(line) > maxLine
		if want := line[:min(len(line), maxLine)]; !bytes.Equal(got[i].Line, want) || slices.Contains(got[i].Attrs, batch.Truncated()) != cut {
			t.Fatalf("line %d of %q, %d bytes at once: %q %v, want %q, cut %v", i, text, n, got[i].Line, got[i].Attrs, want, cut)
		}
		i++
	}
	if i != len(got) {
		t.Fatalf("%d lines of %q, want %d", len(got), text, i)
	}
}

// pieces is a reader of n bytes at once.
type pieces struct {
	text []byte
	n    int
}

func (p *pieces) Read(b []byte) (int, error) {
	n := copy(b, p.text[:min(p.n, len(p.text))])
	p.text = p.text[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// TestReaderSplits: lines come out however they come in.
func TestReaderSplits(t *testing.T) {
	long := strings.Repeat("0123456789", 8_000)
	for _, text := range []string{"", "\n", "a", "a\n", "a\r\nb\r", "\n\n", "abc\nabcd\nabcde\nabcdef\n", "abc\r\nabcd\r\nabcde\r\n",
		"x\n" + long + "\ny\n" + long + "\r\nz", strings.Repeat("\n", 10_000), strings.Repeat("ab\n", 9_000) + "c"} {
		for _, n := range []int{1, 2, 3, 1000, 1 << 20} {
			if n < 1000 && len(text) > 1000 {
				continue
			}
			for _, maxLine := range []int{1, 4, 1 << 20} {
				checkReader(t, []byte(text), n, maxLine, false)
				checkReader(t, []byte(text), n, maxLine, true)
			}
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("a\r\n\nbb\x00\nlong line\nrest"), 3, 4, false)
	f.Fuzz(func(t *testing.T, text []byte, n, maxLine int, keepCR bool) {
		if n < 1 || maxLine < 1 || maxLine > 1<<20 {
			return
		}
		checkReader(t, text, n, maxLine, keepCR)
	})
}

// TestReaderFails: what came before an error is delivered, and the error is one of
// the source; the end of the input is none, however it came about.
func TestReaderFails(t *testing.T) {
	eio := errors.New("input/output error")
	for name, c := range map[string]struct{ err, want error }{
		"broken": {eio, eio}, "at its end": {io.EOF, nil}, "closed": {&os.PathError{Op: "read", Err: os.ErrClosed}, nil}, "pipe closed": {io.ErrClosedPipe, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readAll(t, io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(c.err)), source.ReaderConfig{})
			if !errors.Is(err, c.want) {
				t.Errorf("Run = %v", err)
			}
			if len(got) != 2 || string(got[1].Line) != "b" {
				t.Errorf("got %q", got)
			}
		})
	}
	if _, err := readAll(t, nothing{}, source.ReaderConfig{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("of a reader that returns nothing: %v", err)
	}
}

// TestReaderMiscounts: a reader that says it has read what it can not have is an error, and what was read before is delivered.
func TestReaderMiscounts(t *testing.T) {
	for _, n := range []int{-1, 1 << 20} {
		got, err := readAll(t, io.MultiReader(strings.NewReader("a\nb"), miscount(n)), source.ReaderConfig{})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(n)) {
			t.Errorf("Run = %v", err)
		}
		if len(got) != 2 || string(got[1].Line) != "b" {
			t.Errorf("got %q", got)
		}
	}
}

// miscount is a bad reader.
type miscount int

func (n miscount) Read([]byte) (int, error) { return int(n), nil }

// nothing is another one.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

// TestReaderInterrupted: when the source is told to stop, a Read is interrupted by a
// deadline, and whoever reads next goes on.
func TestReaderInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a Read of a pipe cannot be interrupted")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	g := newRig(t)
	src := newReader(t, r, source.ReaderConfig{CloseToStop: true})
	for i := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		h := g.super.Go("run", func(context.Context) error { return g.out.Run(ctx, src) })
		fmt.Fprintf(w, "%d\nand a half", i)
		g.r.Wait(t.Context(), func() bool { return len(g.r.Delivered()) == 2*i+1 })
		cancel()
		<-h.Done()
		if err := h.Err(); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, p := range g.r.Delivered() {
		got = append(got, p.Lines()...)
	}
	if want := []string{"0", "and a half", "1", "and a half", "2", "and a half"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	fmt.Fprint(w, "rest")
	if n, err := r.Read(make([]byte, 10)); n != 4 || err != nil {
		t.Errorf("after that, Read = %d, %v", n, err)
	}
}

// TestReaderClosed: what has no deadline is closed, if that is wanted.
func TestReaderClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		r, w := io.Pipe()
		h := g.super.Go("run", func(ctx context.Context) error {
			return g.out.Run(ctx, newReader(t, r, source.ReaderConfig{CloseToStop: true}))
		})
		io.WriteString(w, "a\nb")
		synctest.Wait()
		h.Stop()
		<-h.Done()
		if got := g.r.Delivered(); h.Err() != nil || len(got) != 2 || got[1].Lines()[0] != "b" {
			t.Errorf("%v, %d batches", h.Err(), len(got))
		}
		if _, err := io.WriteString(w, "c"); err != io.ErrClosedPipe {
			t.Errorf("a later Write: %v", err)
		}
	})
}

// TestReaderStuck: a Read that nothing interrupts is waited for, and named.
func TestReaderStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		r, w := io.Pipe()
		g.super.Go("run", func(ctx context.Context) error { return g.out.Run(ctx, newReader(t, r, source.ReaderConfig{})) })
		io.WriteString(w, "a\n")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var stuck *lifecycle.StuckError
		if err := g.super.Close(ctx); !errors.As(err, &stuck) || stuck.Running[0].Name != "test/run" {
			t.Errorf("Close = %v", err)
		}
		io.WriteString(w, "b\n")
		if err := g.super.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got := g.r.Delivered(); len(got) != 2 || got[1].Lines()[0] != "b" {
			t.Errorf("%d batches delivered", len(got))
		}
	})
}

// TestReaderLost: a batch that was refused because the stream was lost is sent
// again.
func TestReaderLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		r, w := io.Pipe()
		h := g.super.Go("run", func(ctx context.Context) error { return g.out.Run(ctx, newReader(t, r, source.ReaderConfig{})) })
		g.r.Hold()
		io.WriteString(w, "a\n")
		synctest.Wait()
		g.r.Held()[0].Lose(nil)
		g.r.Release()
		io.WriteString(w, "b\n")
		w.Close()
		<-h.Done()
		if got := g.r.Delivered(); h.Err() != nil || len(got) != 1 || got[0].Lines()[0] != "b" {
			t.Errorf("%v, %d batches", h.Err(), len(got))
		}
	})
}

// TestReaderConfig: each wrong field is named.
func TestReaderConfig(t *testing.T) {
	_, err := source.NewReader(nil, source.ReaderConfig{MaxLine: -1, CloseToStop: true})
	for _, want := range []string{"is nil", "MaxLine: -1", "CloseToStop"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

// BenchmarkReader reads lines of 100 bytes, beside no more than a copy of them.
func BenchmarkReader(b *testing.B) {
	text := []byte(strings.Repeat(strings.Repeat("x", 99)+"\n", 10_000))
	b.Run("copy", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		buf := make([]byte, 64<<10)
		for b.Loop() {
			for r := bytes.NewReader(text); ; {
				if _, err := r.Read(buf); err != nil {
					break
				}
			}
		}
	})
	b.Run("reader", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		super := lifecycle.New(lifecycle.Config{})
		defer super.Close(context.Background())
		saver, err := source.NewSaver(context.Background(), nil)
		if err != nil {
			b.Fatal(err)
		}
		out := source.NewOutlet(source.OutletConfig{Name: "bench", Receiver: new(sinkhole), Saver: saver, Supervisor: super})
		for b.Loop() {
			if err := out.Run(context.Background(), newReader(b, bytes.NewReader(text), source.ReaderConfig{})); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A sinkhole takes batches and keeps nothing.
type sinkhole struct{ pool batch.Pool }

func (s *sinkhole) NewBatch(l batch.Labels) *batch.Batch { return batch.New(&s.pool, l) }
func (*sinkhole) Hasten() func()                         { return func() {} }
func (*sinkhole) Receive(_ context.Context, b *batch.Batch, settled func(error)) error {
	b.OnSettled(settled)
	b.Settle(nil)
	return nil
}
