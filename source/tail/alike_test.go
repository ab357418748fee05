package tail

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTruncatedAlike: a file was truncated and has grown past the position it
// was read to, and the bytes before that are what they were: lines of one
// length often end alike. Its first bytes differ.
func TestTruncatedAlike(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	lines := func(from, to int) []string {
		var all []string
		for n := from; n < to; n++ {
			all = append(all, fmt.Sprintf("%06d %s", n, strings.Repeat("x", 2*anchorMax)))
		}
		return all
	}
	text := func(lines []string) string { return strings.Join(lines, "\n") + "\n" }
	write(t, path, text(lines(0, 10)))
	r := start(t, Config{Paths: []string{path}, NoWatch: true, Poll: 300 * time.Millisecond, IdlePoll: 300 * time.Millisecond}, newSinkhole(), nil)
	r.await(lines(0, 10)...)
	copyFile(t, path, path+".1")
	if err := os.WriteFile(path, []byte(text(lines(10, 30))), 0o644); err != nil {
		t.Fatal(err)
	}
	wait(t, "the lines behind the position", func() bool { return r.sink.count() > 10 })
	r.await(lines(0, 30)...)
}
