package tail

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/logferry/logferry/batch"
)

// A siege is a source with a file that behaves badly, bad.log, beside one that does not.
type siege struct {
	*testing.T
	dir  string
	bad  string
	r    *run
	good int // lines written to the other file
}

// besiege follows bad.log in a folder of its own, and everything else that ends in .log.
func besiege(t *testing.T, cfg Config) *siege {
	dir := t.TempDir()
	s := &siege{T: t, dir: dir, bad: filepath.Join(dir, "sub", "bad.log")}
	s.mkdir()
	cfg.Paths = []string{s.bad, filepath.Join(dir, "*.log")}
	s.r = start(t, quick(cfg), newSinkhole(), nil)
	s.goesOn()
	return s
}

func (s *siege) mkdir() {
	s.Helper()
	if err := os.Mkdir(filepath.Dir(s.bad), 0o755); err != nil {
		s.Fatal(err)
	}
}

// goesOn wants the other file to be read.
func (s *siege) goesOn() {
	s.Helper()
	line := fmt.Sprint("good ", s.good)
	s.good++
	write(s, filepath.Join(s.dir, "good.log"), line+"\n")
	wait(s, "the other file", func() bool { return slices.Contains(s.r.sink.got(), line) })
}

// lines are what came of bad.log.
func (s *siege) lines() []string {
	return slices.DeleteFunc(s.r.sink.got(), func(l string) bool { return strings.HasPrefix(l, "good ") })
}

func (s *siege) want(lines ...string) {
	s.Helper()
	wait(s, fmt.Sprintf("%d lines", len(lines)), func() bool { return len(s.lines()) >= len(lines) })
	s.goesOn() // a repetition would have come by now
	if got := s.lines(); !slices.Equal(got, lines) {
		s.Fatalf("got %d lines %.300q\nwant %d lines %.300q\nlog:\n%s", len(got), got, len(lines), lines, s.r.log)
	}
}

func (s *siege) failing(path string) bool {
	return slices.ContainsFunc(s.r.src.Stats(), func(st FileStats) bool {
		return st.Path == path && st.State == Failed && st.Err != nil
	})
}

// fails wants path to be shown as Failed, and the nth complaint about it; the other
// files go on meanwhile.
func (s *siege) fails(path string, nth int) {
	s.Helper()
	wait(s, path+" to fail", func() bool { return s.complaints(path) >= nth && s.failing(path) })
	for range 5 {
		s.goesOn()
	}
	if n := s.complaints(path); n != nth {
		s.Errorf("%d complaints about %s, want %d:\n%s", n, path, nth, s.r.log)
	}
}

func (s *siege) complaints(path string) (n int) {
	for line := range strings.Lines(s.r.log.String()) {
		if strings.Contains(line, "cannot read a file") && strings.Contains(line, "path="+path+" ") {
			n++
		}
	}
	return n
}

func (s *siege) recovers(path string) {
	s.Helper()
	wait(s, path+" to recover", func() bool {
		// One that was there before and is deleted may be tried for a while yet.
		return slices.ContainsFunc(s.r.src.Stats(), func(st FileStats) bool { return st.Path == path && st.State != Failed })
	})
}

// growth calls during again and again until done, and returns by how much the memory
// in use had grown at most.
func growth(during func() (done bool)) uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, peak := m.HeapInuse, m.HeapInuse
	for !during() {
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapInuse)
	}
	return peak - before
}

func TestHostile(t *testing.T) {
	t.Run("random bytes", func(t *testing.T) {
		rnd := rand.NewChaCha8([32]byte{3})
		data := make([]byte, 3<<20)
		rnd.Read(data)
		data[len(data)-1] = '\n'
		var want []string
		for line := range bytes.Lines(data) {
			want = append(want, string(bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))))
		}
		s := besiege(t, Config{})
		write(t, s.bad, string(data))
		s.want(want...)
	})

	t.Run("shrinks while it is read", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "bad.log")
		write(t, path, strings.Repeat("a line that is there at first\n", 100_000))
		sink := newSinkhole()
		reached, open := make(chan struct{}, 1), make(chan struct{})
		sink.gate = func(ctx context.Context, b *batch.Batch) error {
			if len(b.Entries) > 0 && string(b.Entries[0].Line) != "good" {
				select {
				case reached <- struct{}{}:
				default:
				}
				select {
				case <-open:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		}
		r := start(t, quick(Config{Paths: []string{dir + "/*.log"}}), sink, nil)
		<-reached
		if err := os.Truncate(path, 1000); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "good.log"), "good\n")
		wait(t, "the other file", func() bool { return slices.Contains(sink.got(), "good") })
		close(open)
		write(t, path, "\nlast\n")
		wait(t, "the new content", func() bool { return slices.Contains(sink.got(), "last") })
		if log := r.log.String(); strings.Count(log, "a file was truncated") != 1 {
			t.Errorf("log:\n%s", log)
		}
	})

	t.Run("a folder replaced by a file and back", func(t *testing.T) {
		s := besiege(t, Config{})
		write(t, s.bad, "one\n")
		s.want("one")
		folder := filepath.Dir(s.bad)
		for i := range 2 {
			rename(t, folder, fmt.Sprint(folder, ".", i))
			write(t, folder, "a file now\n")
			s.fails(s.bad, i+1)
			if err := os.Remove(folder); err != nil {
				t.Fatal(err)
			}
			s.mkdir()
			write(t, s.bad, fmt.Sprintln("again", i))
			s.recovers(s.bad)
			s.want([]string{"one", "again 0", "again 1"}[:i+2]...)
		}
	})

	t.Run("a file replaced by a folder and back", func(t *testing.T) {
		s := besiege(t, Config{})
		write(t, s.bad, "one\n")
		s.want("one")
		for i := range 2 {
			rename(t, s.bad, fmt.Sprint(s.bad, ".", i))
			if err := os.Mkdir(s.bad, 0o755); err != nil {
				t.Fatal(err)
			}
			s.fails(s.bad, i+1)
			if err := os.Remove(s.bad); err != nil {
				t.Fatal(err)
			}
			write(t, s.bad, fmt.Sprintln("again", i))
			s.recovers(s.bad)
			s.want([]string{"one", "again 0", "again 1"}[:i+2]...)
		}
	})
}
