package tail

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A halfway file has something done to it in the middle of a long read.
type halfway struct {
	*os.File
	do func()
}

func (f halfway) ReadAt(p []byte, off int64) (int, error) {
	if len(p) <= printMax {
		return f.File.ReadAt(p, off)
	}
	half := 2 * aLot
	n, err := f.File.ReadAt(p[:half], off)
	if n < half {
		return n, err
	}
	f.do()
	n, err = f.File.ReadAt(p[half:], off+int64(half))
	return half + n, err
}

// TestTruncatedWithinARead: a file that is copied, truncated and written again while it is
// being read for the first time is not taken for one that holds some of both.
func TestTruncatedWithinARead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	src, err := New(quick(Config{Paths: []string{path}}))
	if err != nil {
		t.Fatal(err)
	}
	var lines, next []string
	for i := range 4000 {
		lines = append(lines, fmt.Sprintf("line %04d", i))
		next = append(next, fmt.Sprintf("next %04d", i))
	}
	rotate := sync.OnceFunc(func() {
		copyAway(t, path, path+".1")
		write(t, path, strings.Join(next, "\n")+"\n")
	})
	src.plan.contentOf = func(f *os.File) io.ReaderAt { return halfway{f, rotate} }
	write(t, path+"x", strings.Join(lines, "\n")+"\n")
	rename(t, path+"x", path)
	r := startSource(t, src, newSinkhole(), nil)
	r.await(append(lines, next...)...)
}
