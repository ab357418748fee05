package tail

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// A brittle file answers reads with an error for as long as bad is set, and counts
// them.
type brittle struct {
	*os.File
	bad   *atomic.Bool
	tries *atomic.Int32
}

func (f brittle) ReadAt(p []byte, off int64) (int, error) {
	if f.bad.Load() {
		f.tries.Add(1)
		return 0, &os.PathError{Op: "read", Path: f.Name(), Err: syscall.EIO}
	}
	return f.File.ReadAt(p, off)
}

// TestReadErrors: a file that cannot be read for a while is told of once, the
// others go on, and nothing of it is lost or comes twice, whatever happens to it
// meanwhile.
func TestReadErrors(t *testing.T) {
	rename := func(t *testing.T, path string) {
		rename(t, path, path+".1")
		write(t, path, "next\n")
	}
	for name, meanwhile := range map[string]func(t *testing.T, path string){
		"nothing":    func(*testing.T, string) {},
		"appended":   func(t *testing.T, path string) { write(t, path, "3\n") },
		"renamed":    rename,
		"with print": func(t *testing.T, path string) { write(t, path, strings.Repeat("x", 2000)+"\n") },
	} {
		for _, first := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, from the first read %v", name, first), func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "bad.log")
				var bad atomic.Bool
				var tries atomic.Int32
				src, err := New(quick(Config{Paths: []string{path, dir + "/good.log"}}))
				if err != nil {
					t.Fatal(err)
				}
				src.plan.contentOf = func(f *os.File) io.ReaderAt {
					if strings.HasPrefix(filepath.Base(f.Name()), "bad.log") {
						return brittle{f, &bad, &tries}
					}
					return f
				}
				bad.Store(first)
				write(t, path, "1\n")
				r := startSource(t, src, newSinkhole(), nil)
				if !first {
					wait(t, "the first line", func() bool { return slices.Contains(r.sink.got(), "1") })
					bad.Store(true)
					write(t, path, "2\n")
				}
				wait(t, "the failure", func() bool {
					return slices.ContainsFunc(src.Stats(), func(s FileStats) bool {
						return s.Path == path && s.State == Failed && errors.Is(s.Err, syscall.EIO)
					})
				})
				meanwhile(t, path)
				for i := range 5 { // the other file goes on
					line := fmt.Sprintf("good %d", i)
					write(t, dir+"/good.log", line+"\n")
					wait(t, "the other file", func() bool { return slices.Contains(r.sink.got(), line) })
				}
				again := tries.Load() + 3
				wait(t, "it to be tried again", func() bool { return tries.Load() >= again })
				bad.Store(false)
				want := 5 + strings.Count(all(t, path)+all(t, path+".1"), "\n")
				wait(t, "all lines", func() bool { return r.sink.count() >= want })
				write(t, path, "last\n")
				wait(t, "the last line", func() bool { return slices.Contains(r.sink.got(), "last") })
				got := r.sink.got()
				slices.Sort(got)
				if n := len(slices.Compact(got)); n != want+1 || r.sink.count() != want+1 {
					t.Errorf("%d lines, %d different ones, want %d; log:\n%s", r.sink.count(), n, want+1, r.log)
				}
				most := 1
				if name == "renamed" {
					most = 3 // the path was nothing's for a moment, and is another's then
				}
				if n := strings.Count(r.log.String(), "cannot read a file"); n < 1 || n > most {
					t.Errorf("told %d times:\n%s", n, r.log)
				}
			})
		}
	}
}

// all is what the file at path holds, "" if there is none.
func all(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}
