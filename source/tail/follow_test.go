package tail

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// ways are the two ways changes are found.
func ways(t *testing.T, f func(t *testing.T, noWatch bool)) {
	t.Run("watch", func(t *testing.T) { f(t, false) })
	t.Run("poll", func(t *testing.T) { f(t, true) })
}

func TestFollowAppends(t *testing.T) {
	ways(t, func(t *testing.T, noWatch bool) {
		path := filepath.Join(t.TempDir(), "app.log")
		write(t, path, "one\ntwo\n")
		r := start(t, quick(Config{Paths: []string{path}, NoWatch: noWatch}), newSinkhole(), nil)
		r.await("one", "two")
		write(t, path, "three\nfo")
		r.await("one", "two", "three")
		write(t, path, "ur\n")
		r.await("one", "two", "three", "four")
		if got := r.sink.labels[0]; got != path {
			t.Errorf("label filename = %q, want %q", got, path)
		}
	})
}

func TestFollowLaterFiles(t *testing.T) {
	ways(t, func(t *testing.T, noWatch bool) {
		dir := t.TempDir()
		r := start(t, quick(Config{Paths: []string{dir + "/**/*.log", dir + "/later.txt"}, From: End, NoWatch: noWatch}), newSinkhole(), nil)
		wait(t, "a warning", func() bool { return strings.Contains(r.log.String(), "later.txt") })
		write(t, dir+"/later.txt", "a\n")
		r.await("a")
		if err := os.MkdirAll(dir+"/x/y", 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, dir+"/x/y/z.log", "b\n")
		r.await("a", "b")
	})
}

func TestRenameKeepsOrder(t *testing.T) {
	ways(t, func(t *testing.T, noWatch bool) {
		path := filepath.Join(t.TempDir(), "app.log")
		write(t, path, "1\n2\n")
		r := start(t, quick(Config{Paths: []string{path}, NoWatch: noWatch}), newSinkhole(), nil)
		r.await("1", "2")
		write(t, path, "3\n4")
		rename(t, path, path+".1")
		write(t, path, "5\n")
		r.await("1", "2", "3", "5")
		write(t, path+".1", "+\n")
		r.await("1", "2", "3", "5", "4+")
		wait(t, "the old file to be forgotten", func() bool { return len(r.src.Stats()) == 1 })
	})
}

// mustDup returns another handle of f.
func mustDup(t testing.TB, f *os.File) *os.File {
	t.Helper()
	d, err := os.OpenFile(f.Name(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
