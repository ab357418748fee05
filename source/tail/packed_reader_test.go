package tail

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/logferry/logferry/batch"
)

// TestPackedInHand: what unpacks a file belongs to the reader that has it. A file
// that by its name is a generation of the compressed one comes meanwhile; the race
// detector tells whether the compressed one is looked into for that.
func TestPackedInHand(t *testing.T) {
	for suffix, of := range packers {
		t.Run(suffix, func(t *testing.T) {
			dir := t.TempDir()
			path := dir + "/x" + suffix
			text, lines := many(0, 40000)
			write(t, path, string(of(t, text)))
			let := make(chan struct{})
			batches := 0 // of that file, by the one reader that has it
			sink := newSinkhole()
			sink.gate = func(ctx context.Context, b *batch.Batch) error {
				if b.Labels.Get("filename") != path || len(b.Entries) == 0 {
					return nil
				}
				if batches++; batches == 1 {
					return nil
				}
				return until(let)(ctx, b)
			}
			r := start(t, quick(Config{Paths: []string{dir + "/*"}, Readers: 2}), sink, nil)
			// The gate tells nothing: what its telling came after would be no race.
			wait(t, "the first batch", func() bool { st := r.src.Stats(); return len(st) == 1 && st[0].Read > 0 })
			write(t, path+".1", "other\n")
			write(t, path+".old", "another\n")
			others := func() bool {
				got := sink.got()
				return slices.Contains(got, "other") && slices.Contains(got, "another")
			}
			wait(t, "the other files", others)
			close(let)
			r.eventually(append(lines, "other", "another"))
		})
	}
}

// A torn file answers reads beyond its first page with an error.
type torn struct{ *os.File }

func (f torn) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > 4096 {
		return 0, &os.PathError{Op: "read", Path: f.Name(), Err: syscall.EIO}
	}
	return f.File.ReadAt(p, off)
}

// TestOncePackedOriginal: what a compressed file is made of cannot be read. It is not
// waited for, and comes from the compressed file.
func TestOncePackedOriginal(t *testing.T) {
	for suffix, of := range packers {
		t.Run(suffix, func(t *testing.T) {
			dir := t.TempDir()
			text, lines := many(0, 5000)
			write(t, dir+"/app.log.1", text)
			write(t, dir+"/app.log.1"+suffix, string(of(t, text)))
			src, err := New(quick(Config{Paths: []string{dir + "/*"}, Once: true}))
			if err != nil {
				t.Fatal(err)
			}
			src.plan.contentOf = func(f *os.File) io.ReaderAt {
				if strings.HasSuffix(f.Name(), ".1") {
					return torn{f}
				}
				return f
			}
			r := startSource(t, src, newSinkhole(), nil)
			r.ended()
			r.leftOut(dir+"/app.log.1", syscall.EIO)
			r.await(lines...)
		})
	}
}
