//go:build linux

package tailbench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// lineLen is the length of every line that is written, its end included.
const lineLen = 200

// idleFiles makes n files of one line that nobody has written to for an hour.
func idleFiles(tb testing.TB, n int) order {
	tb.Helper()
	dir := tb.TempDir()
	return order{Pattern: filepath.Join(dir, "*.log"), Paths: makeFiles(tb, dir, n, time.Hour)}
}

// makeFiles makes n files of one line each that was written so long ago.
func makeFiles(tb testing.TB, dir string, n int, age time.Duration) (paths []string) {
	tb.Helper()
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("service-%05d.log", i))
		if err := os.WriteFile(path, numbered(i), 0o600); err != nil {
			tb.Fatal(err)
		}
		if age > 0 {
			then := time.Now().Add(-age)
			if err := os.Chtimes(path, then, then); err != nil {
				tb.Fatal(err)
			}
		}
		paths = append(paths, path)
	}
	return paths
}

// longFile makes a file of n lines, which is in the page cache then.
func longFile(tb testing.TB, n int) order {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "long.log")
	var text bytes.Buffer
	for i := range n {
		text.Write(numbered(i))
	}
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		tb.Fatal(err)
	}
	return order{Pattern: path, Paths: []string{path}, Lines: n}
}

func numbered(n int) []byte { return padded(fmt.Sprintf("line %09d ", n)) }

// stamped is a line that tells when it was made.
func stamped() []byte { return padded(fmt.Sprintf("%s%d ", stampMark, time.Now().UnixNano())) }

func padded(text string) []byte {
	line := bytes.Repeat([]byte{'.'}, lineLen)
	copy(line, text)
	line[lineLen-1] = '\n'
	return line
}
