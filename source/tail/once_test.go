package tail

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// readOnce reads the files cfg names to their end.
func readOnce(t *testing.T, cfg Config) *sinkhole {
	t.Helper()
	cfg.Once = true
	r := start(t, cfg, newSinkhole(), nil)
	r.ended()
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.sink
}

func (r *run) ended() {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(patience):
		r.t.Fatalf("Run did not end; log:\n%s\nstats: %+v", r.log, r.src.Stats())
	}
}

// reference splits text the obvious way.
func reference(text []byte, maxLine int, keepCR bool) (lines []string, cut []bool) {
	if len(text) == 0 {
		return nil, nil
	}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
		if !keepCR {
			line = bytes.TrimSuffix(line, []byte("\r"))
		}
		c := len(line) > maxLine
		if c {
			line = line[:maxLine]
		}
		lines, cut = append(lines, string(line)), append(cut, c)
	}
	return lines, cut
}

func compare(t *testing.T, sink *sinkhole, text []byte, maxLine int, keepCR bool) {
	t.Helper()
	want, cut := reference(text, maxLine, keepCR)
	got := sink.got()
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("line %d: %d bytes %.80q, want %d bytes %.80q", i, len(got[i]), got[i], len(want[i]), want[i])
		}
		if has := sink.attrs[i] == "truncated=true"; has != cut[i] {
			t.Fatalf("line %d: truncated %v, want %v", i, has, cut[i])
		}
	}
}

func TestRealLogs(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/logs/*.log")
	if len(files) == 0 {
		t.Skip("no real logs here")
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sink := readOnce(t, Config{Paths: []string{path}, KeepCR: true})
			if got := strings.Join(sink.got(), "\n"); got != strings.TrimSuffix(string(text), "\n") {
				t.Fatal("not the same bytes")
			}
			compare(t, readOnce(t, Config{Paths: []string{path}}), text, 1<<20, false)
		})
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("0123456789abcde\x00", 1<<16) // 1 MiB
	for name, text := range map[string]string{
		"empty file":           "",
		"empty lines":          "\n\n\na\n\n",
		"no newline at end":    "a\nb",
		"only CRs":             "\r\n\r\r\n\r",
		"CRLF":                 "a\r\nb\r\n",
		"NUL within":           "a\x00b\nc\x00\n",
		"exactly MaxLine":      long + "\nx\n",
		"MaxLine and CR":       long + "\r\nx\n",
		"one byte too long":    long + "y\nx\n",
		"far too long":         "a\n" + long + long + long + "\nx\n",
		"too long, unfinished": "a\n" + long + long,
		"longer than a chunk":  long[:chunk-1] + "\n" + long[:chunk] + "\n" + long[:chunk+1] + "\nx",
		"around a chunk":       long[:chunk-65] + "\n" + long[:chunk-64] + "\n" + long[:chunk-63] + "\nx\n",
		"many short lines":     strings.Repeat("\n", 20_000) + strings.Repeat("z\n", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			write(t, path, text)
			compare(t, readOnce(t, Config{Paths: []string{path}}), []byte(text), 1<<20, false)
			compare(t, readOnce(t, Config{Paths: []string{path}, KeepCR: true, MaxLine: 10}), []byte(text), 10, true)
		})
	}
}

// TestLinesRandom compares random files, whose lines cross chunks everywhere,
// with the reference.
func TestLinesRandom(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	path := filepath.Join(t.TempDir(), "f")
	for range 12 {
		text := []byte("-") // NULs at the beginning are left out
		mean := 1 << rnd.IntN(19)
		for size := rnd.IntN(600 << 10); len(text) < size; {
			line := bytes.Repeat([]byte{byte('a' + rnd.IntN(26))}, rnd.IntN(mean+1))
			text = append(text, line...)
			text = append(text, []string{"\n", "\r\n", "\n\n", "\x00\n"}[rnd.IntN(4)]...)
		}
		if rnd.IntN(2) == 0 {
			text = append(text, "tail"...)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		maxLine := 1 + rnd.IntN(200<<10)
		compare(t, readOnce(t, Config{Paths: []string{path}, MaxLine: maxLine}), text, maxLine, false)
	}
}

// TestHole: a writer that does not append leaves NULs where its file was
// truncated.
func TestHole(t *testing.T) {
	for _, size := range []int{1, 63, 64, 65, chunk - 1, chunk, chunk + 1, 3*chunk + 7} {
		path := filepath.Join(t.TempDir(), "f")
		write(t, path, strings.Repeat("\x00", size)+"a\n\x00b\n")
		if got := readOnce(t, Config{Paths: []string{path}}).got(); !slices.Equal(got, []string{"a", "\x00b"}) {
			t.Errorf("hole of %d: %.40q", size, got)
		}
	}
}

func TestOnceManyFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range 300 {
		write(t, fmt.Sprintf("%s/%03d.log", dir, i), fmt.Sprintf("same\n%d\n", i))
	}
	write(t, dir+"/x.txt", "no\n")
	sink := readOnce(t, Config{Paths: []string{dir + "/*.log"}, Exclude: []string{"2*.log"}, MaxOpen: 8})
	if got := sink.count(); got != 400 {
		t.Errorf("%d lines, want 400", got)
	}
}

// TestOnceMissing: New refuses a plain path that is missing. If it goes missing
// later, the other files are read, and Run ends: to fail would be to be run
// again for ever.
func TestOnceMissing(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "f"), filepath.Join(dir, "g")
	write(t, other, "b\n")
	if _, err := New(Config{Paths: []string{path}, Once: true}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("New: %v, want an error that names %s", err, path)
	}
	write(t, path, "a\n")
	src, err := New(Config{Paths: []string{path, other}, Once: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r := startSource(t, src, newSinkhole(), nil)
	r.ended()
	r.leftOut(path, fs.ErrNotExist)
	r.await("b")
}

// TestOnceUnreadable: what a pattern finds may be no file at all.
func TestOnceUnreadable(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/dev/null", dir+"/null.log"); err != nil {
		t.Skip(err)
	}
	write(t, dir+"/good.log", "a\n")
	r := start(t, Config{Paths: []string{dir + "/*.log"}, Once: true}, newSinkhole(), nil)
	r.ended()
	r.leftOut(dir+"/null.log", errNotRegular)
	r.await("a")
}

// leftOut checks that a run that has ended did so without an error, and told
// that it could not read path, and why.
func (r *run) leftOut(path string, why error) {
	r.t.Helper()
	if r.err != nil {
		r.t.Errorf("Run: %v, want nil", r.err)
	}
	log := r.log.String()
	if strings.Count(log, path) != 1 || strings.Count(log, "level=ERROR") != 1 {
		r.t.Errorf("want one line, an error, that names %s; log:\n%s", path, log)
	}
	if st := r.src.Stats(); len(st) != 1 || st[0].Path != path || st[0].State != Failed || !errors.Is(st[0].Err, why) {
		r.t.Errorf("stats %+v, want %s failed: %v", st, path, why)
	}
}

// TestOnceWaitsForDelivery: nil means that everything was acknowledged.
func TestOnceWaitsForDelivery(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "a\nb")
	sink := newSinkhole()
	sink.hold = true
	r := start(t, Config{Paths: []string{path}, Once: true}, sink, nil)
	wait(t, "both lines", func() bool { return sink.count() == 2 })
	if st := r.src.Stats(); len(st) != 1 || st[0].Read != 3 || st[0].Acked != 0 || st[0].Lag != 3 {
		t.Errorf("stats %+v", st)
	}
	if r.failed() {
		t.Fatal("Run returned before delivery")
	}
	sink.settle(nil)
	for !r.failed() {
		sink.settle(nil)
		time.Sleep(time.Millisecond)
	}
	if r.err != nil {
		t.Error(r.err)
	}
}
