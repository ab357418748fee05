package tail

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

func gzipOf(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstdOf(t testing.TB, text string) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return z.EncodeAll([]byte(text), nil)
}

// compressFile does what gzip(1) does: the original goes when the compressed
// one, which gets its times, is complete.
func compressFile(t testing.TB, path string, of func(testing.TB, string) []byte, suffix string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path+suffix, string(of(t, string(text))))
	if err := os.Chtimes(path+suffix, st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// many are numbered lines, more than a print takes.
func many(from, n int) (text string, lines []string) {
	for i := from; i < from+n; i++ {
		lines = append(lines, fmt.Sprintf("line %06d of some length", i))
	}
	return strings.Join(lines, "\n") + "\n", lines
}

var packers = map[string]func(testing.TB, string) []byte{".gz": gzipOf, ".zst": zstdOf}

// TestPackedOnce: a compressed file that lay there is read once, also after a
// restart, and the last line needs no newline.
func TestPackedOnce(t *testing.T) {
	for suffix, of := range packers {
		t.Run(suffix, func(t *testing.T) {
			dir := t.TempDir()
			text, lines := many(0, 30000)
			write(t, dir+"/old.log"+suffix, string(of(t, strings.TrimSuffix(text, "\n"))))
			store := source.MemCheckpoints()
			cfg := quick(Config{Paths: []string{dir + "/*"}})
			r := start(t, cfg, newSinkhole(), store)
			r.await(lines...)
			wait(t, "the end", func() bool { st := r.src.Stats(); return len(st) == 1 && st[0].State == Idle && st[0].Lag == 0 })
			r.stop()
			r = start(t, cfg, newSinkhole(), store)
			write(t, dir+"/new.log", "new\n")
			r.await("new")
			wait(t, "both", func() bool {
				st := r.src.Stats()
				return len(st) == 2 && st[1].State == Idle && st[1].Lag == 0
			})
			r.await("new")
		})
	}
}

// TestPackedLeftOut: From applies to compressed files too.
func TestPackedLeftOut(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/old.gz", string(gzipOf(t, "old\n")))
	store := source.MemCheckpoints()
	for range 2 {
		r := start(t, quick(Config{Paths: []string{dir + "/*"}, From: End}), newSinkhole(), store)
		wait(t, "the file to be known", func() bool { return len(r.src.Stats()) == 1 && r.src.Stats()[0].State == Idle })
		r.stop()
		if got := r.sink.got(); len(got) > 0 {
			t.Errorf("got %q", got)
		}
	}
}

// TestPackedAfterRotation: what was read before it was compressed is left out,
// whichever of the files are followed, and whether anybody looked meanwhile.
func TestPackedAfterRotation(t *testing.T) {
	for i, pattern := range []string{"app.log", "app.log*", "{app.log,*.gz,*.zst}"} {
		for suffix, of := range packers {
			for _, down := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d%s, down %v", i, suffix, down), func(t *testing.T) {
					dir := t.TempDir()
					path := filepath.Join(dir, "app.log")
					first, lines := many(0, 500)
					write(t, path, first)
					store := source.MemCheckpoints()
					cfg := quick(Config{Paths: []string{filepath.Join(dir, pattern)}})
					r := start(t, cfg, newSinkhole(), store)
					r.await(lines...)
					if down {
						r.stop()
					}
					more, next := many(500, 400) // the rest is read from the compressed file, if down
					write(t, path, more)
					if !down {
						r.await(append(lines, next...)...)
					}
					rename(t, path, path+".1")
					write(t, path, "after\n")
					compressFile(t, path+".1", of, suffix)
					want := append(slices.Clone(next), "after")
					if down {
						r = start(t, cfg, newSinkhole(), store)
					} else {
						want = slices.Concat(lines, next, []string{"after"})
					}
					wait(t, "all lines", func() bool { return r.sink.count() >= len(want) })
					wait(t, "calm", func() bool {
						st := r.src.Stats()
						return !slices.ContainsFunc(st, func(s FileStats) bool { return s.Lag > 0 || s.State != Idle })
					})
					got := r.sink.got()
					slices.Sort(got)
					slices.Sort(want)
					if !slices.Equal(got, want) {
						t.Errorf("got %d lines, want %d: %.300q; log:\n%s", len(got), len(want), got, r.log)
					}
					r.stop()
					r = start(t, cfg, newSinkhole(), store)
					write(t, path, "last\n")
					wait(t, "the last line", func() bool { return slices.Contains(r.sink.got(), "last") })
					if n := r.sink.count(); n != 1 {
						t.Errorf("%d lines after another start; log:\n%s", n, r.log)
					}
				})
			}
		}
	}
}

// TestPackedWhileClosed: a file that is compressed while it is closed and has not
// been read to its end is not lost.
func TestPackedWhileClosed(t *testing.T) {
	dir := t.TempDir()
	text, lines := many(0, 40000)
	write(t, dir+"/a.log", text)
	write(t, dir+"/b.log", "b\n")
	let := make(chan struct{})
	sink := newSinkhole()
	sink.gate = until(let)
	r := start(t, quick(Config{Paths: []string{dir + "/*"}, MaxOpen: 1, Readers: 1}), sink, nil)
	wait(t, "both files", func() bool { return len(r.src.Stats()) == 2 })
	compressFile(t, dir+"/a.log", gzipOf, ".gz")
	compressFile(t, dir+"/b.log", gzipOf, ".gz")
	wait(t, "the compressed ones", func() bool { return len(r.src.Stats()) >= 2 })
	close(let)
	want := append(lines, "b")
	wait(t, "all lines", func() bool { return sink.count() >= len(want) })
	wait(t, "calm", func() bool {
		return !slices.ContainsFunc(r.src.Stats(), func(s FileStats) bool { return s.Lag > 0 })
	})
	got := sink.got()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %d lines, want %d; log:\n%s", len(got), len(want), r.log)
	}
}

// TestPackedDamage: what comes before the damage is delivered, it is told once,
// and a whole file in its place is read.
func TestPackedDamage(t *testing.T) {
	dir := t.TempDir()
	text, lines := many(0, 20000)
	whole := gzipOf(t, text)
	write(t, dir+"/a.gz", string(whole[:len(whole)/2]))
	write(t, dir+"/b.gz", "no gzip\n")
	write(t, dir+"/c.log", "c\n")
	r := start(t, quick(Config{Paths: []string{dir + "/*"}}), newSinkhole(), nil)
	failed := func(n int) func() bool {
		return func() bool {
			k := 0
			for _, s := range r.src.Stats() {
				if s.State == Failed && s.Err != nil {
					k++
				}
			}
			return k == n
		}
	}
	wait(t, "two failures", failed(2))
	if n := r.sink.count(); n < len(lines)/4 || n > len(lines) {
		t.Errorf("%d lines before the damage, of %d", n, len(lines))
	}
	write(t, dir+"/a.gz", string(whole[len(whole)/2:]))
	wait(t, "the rest", func() bool { return r.sink.count() == len(lines)+1 })
	wait(t, "one failure", failed(1))
	got := r.sink.got()
	slices.Sort(got)
	want := append([]string{"c"}, lines...)
	if !slices.Equal(got, want) {
		t.Errorf("got %d lines, want %d", len(got), len(want))
	}
	if n := strings.Count(r.log.String(), "cannot read a file"); n != 2 {
		t.Errorf("told %d times:\n%s", n, r.log)
	}
}

// TestPackedWaits: one that is still written is left alone.
func TestPackedWaits(t *testing.T) {
	dir := t.TempDir()
	z := gzipOf(t, "a\nb\n")
	cfg := quick(Config{Paths: []string{dir + "/*"}, RotateWait: 700 * time.Millisecond})
	r := start(t, cfg, newSinkhole(), nil)
	var longest time.Duration // without a change, as far as anybody can have seen
	for last, i := time.Now(), 0; i < len(z); i++ {
		begun := time.Now()
		write(t, dir+"/a.gz", string(z[i:i+1]))
		longest, last = max(longest, time.Since(last)), begun
		time.Sleep(10 * time.Millisecond) // time is the subject
	}
	r.await("a", "b")
	if strings.Contains(r.log.String(), "cannot read") && longest < cfg.RotateWait {
		t.Errorf("it was read too early: %s", r.log)
	}
}

func TestPackedBomb(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/bomb.gz", string(gzipOf(t, strings.Repeat("\n", 3<<20))))
	write(t, dir+"/good.log", "good\n")
	sink := newSinkhole()
	sink.onLine = func(batch.Labels, *batch.Entry) {}
	r := start(t, quick(Config{Paths: []string{dir + "/*"}, MaxUnpacked: 1 << 20}), sink, nil)
	wait(t, "the failure", func() bool {
		return slices.ContainsFunc(r.src.Stats(), func(s FileStats) bool {
			return s.State == Failed && strings.Contains(fmt.Sprint(s.Err), "unpacks to too much")
		})
	})
	wait(t, "the other file", func() bool {
		return slices.ContainsFunc(r.src.Stats(), func(s FileStats) bool { return s.Path == dir+"/good.log" && s.Acked == 5 })
	})
}

// TestPackedElsewhere: a compressed file that has another identity after a
// restart is known, and does not keep others from being read.
func TestPackedElsewhere(t *testing.T) {
	dir := t.TempDir()
	text, lines := many(0, 500)
	write(t, dir+"/a.log.1.gz", string(gzipOf(t, text)))
	store := source.MemCheckpoints()
	cfg := quick(Config{Paths: []string{dir + "/*.gz"}})
	r := start(t, cfg, newSinkhole(), store)
	r.await(lines...)
	wait(t, "the end", func() bool { st := r.src.Stats(); return st[0].State == Idle && st[0].Lag == 0 })
	r.stop()
	write(t, dir+"/x", all(t, dir+"/a.log.1.gz")) // as from a backup
	rename(t, dir+"/x", dir+"/a.log.1.gz")
	r = start(t, cfg, newSinkhole(), store)
	wait(t, "the file", func() bool { return len(r.src.Stats()) == 1 })
	write(t, dir+"/b.log.1.gz", string(gzipOf(t, "new\n")))
	r.await("new")
}

// TestPackedDamagedAndDeleted: nothing of it is kept.
func TestPackedDamagedAndDeleted(t *testing.T) {
	dir := t.TempDir()
	text, _ := many(0, 200_000)
	whole := gzipOf(t, text)
	write(t, dir+"/a.gz", string(whole[:len(whole)-1000]))
	let := make(chan struct{})
	waiting := make(chan struct{}, 1)
	sink := newSinkhole()
	sink.gate = func(ctx context.Context, b *batch.Batch) error {
		if len(b.Entries) == 0 {
			return nil
		}
		select {
		case waiting <- struct{}{}:
		default:
		}
		return until(let)(ctx, b)
	}
	r := start(t, quick(Config{Paths: []string{dir + "/*.gz"}}), sink, nil)
	<-waiting
	if err := os.Remove(dir + "/a.gz"); err != nil {
		t.Fatal(err)
	}
	wait(t, "the file to be gone", func() bool { st := r.src.Stats(); return len(st) == 1 && st[0].State == Rotated })
	close(let)
	wait(t, "it to be forgotten", func() bool { return len(r.src.Stats()) == 0 })
	if !strings.Contains(r.log.String(), "is lost") {
		t.Errorf("not told: %s", r.log)
	}
}

// TestPackedSnapshot: a log that goes on is copied and compressed.
func TestPackedSnapshot(t *testing.T) {
	dir := t.TempDir()
	first, lines := many(0, 500)
	write(t, dir+"/app.log", first)
	store := source.MemCheckpoints()
	cfg := quick(Config{Paths: []string{dir + "/app.log*"}})
	r := start(t, cfg, newSinkhole(), store)
	r.await(lines...)
	more, next := many(500, 10)
	write(t, dir+"/app.log", more)
	r.await(append(lines, next...)...)
	write(t, dir+"/app.log.1.gz", string(gzipOf(t, first)))
	calm := func() bool {
		st := r.src.Stats()
		return len(st) == 2 && !slices.ContainsFunc(st, func(s FileStats) bool { return s.Lag > 0 || s.State != Idle })
	}
	wait(t, "both files to be done with", calm)
	if n := r.sink.count(); n != 510 {
		t.Errorf("%d lines", n)
	}
	r.stop()
	r = start(t, cfg, newSinkhole(), store)
	wait(t, "both files to be known", calm)
	r.await()
}
