package tail

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// TestCopyTruncateCompress: a log is copied and truncated, and the copy is
// compressed, between two looks or before each other's eyes, whether all of it was
// read before, and whether a pattern finds what it was compressed to.
func TestCopyTruncateCompress(t *testing.T) {
	for _, noWatch := range []bool{true, false} {
		for _, pattern := range []string{"app.log", "app.log*"} {
			for _, unread := range []bool{false, true} {
				for suffix, of := range packers {
					name := fmt.Sprintf("polling %v, %s, unread %v, %s", noWatch, pattern, unread, suffix)
					t.Run(name, func(t *testing.T) {
						t.Parallel() // it waits for most of its time
						copyTruncateCompress(t, noWatch, pattern, unread, suffix, of)
					})
				}
			}
		}
	}
}

func copyTruncateCompress(t *testing.T, noWatch bool, pattern string, unread bool, suffix string, of func(testing.TB, string) []byte) {
	dir := t.TempDir()
	path := dir + "/app.log"
	text, lines := many(0, 5000)
	write(t, path, text)
	cfg := quick(Config{Paths: []string{dir + "/" + pattern}, NoWatch: noWatch})
	if noWatch {
		cfg.Poll, cfg.IdlePoll = 400*time.Millisecond, 400*time.Millisecond
	}
	r := start(t, cfg, newSinkhole(), nil)
	r.await(lines...)
	wait(t, "delivery", func() bool { return r.idle(1) })
	if unread {
		more, next := many(5000, 100)
		write(t, path, more)
		lines = append(lines, next...)
	}
	copyFile(t, path, path+".1")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	compressFile(t, path+".1", of, suffix)
	write(t, path, "after\n")
	lines = append(lines, "after")
	files := 1
	if pattern == "app.log*" {
		files = 2
	}
	wait(t, "all to be done with", func() bool { return r.sink.count() >= len(lines) && r.idle(files) })
	r.eventually(lines)
}
