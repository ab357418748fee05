package tail

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestShredded: what a rotated file is overwritten with before it is deleted is no
// line of a log.
func TestShredded(t *testing.T) {
	for _, pattern := range []string{"app.log", "app.log*"} {
		t.Run(pattern, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "app.log")
			text, lines := many(0, 300)
			write(t, path, text)
			r := start(t, quick(Config{Paths: []string{filepath.Join(dir, pattern)}}), newSinkhole(), nil)
			r.await(lines...)
			rename(t, path, path+".1")
			write(t, path, "next\n")
			r.await(append(lines, "next")...)
			f, err := os.OpenFile(path+".1", os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for _, b := range []byte{'\n', 0xff} {
				f.WriteAt(bytes.Repeat([]byte{b}, len(text)), 0)
				sleepTick()
			}
			if err := os.Remove(path + ".1"); err != nil {
				t.Fatal(err)
			}
			wait(t, "it to be forgotten", func() bool { return len(r.src.Stats()) == 1 })
			write(t, path, "last\n")
			r.await(append(lines, "next", "last")...)
			if strings.Contains(r.log.String(), "ERROR") {
				t.Errorf("log: %s", r.log)
			}
		})
	}
}
