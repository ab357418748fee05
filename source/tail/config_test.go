package tail

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source/record"
)

func TestNewRefuses(t *testing.T) {
	dir := t.TempDir()
	sock, err := net.Listen("unix", dir+"/sock")
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	for want, cfg := range map[string]Config{
		"tail: Paths: none given":                                 {},
		"tail: Paths: \"\": empty path":                           {Paths: []string{""}},
		"tail: Paths: \"/a[\": malformed pattern":                 {Paths: []string{"/a["}},
		"tail: Exclude: \"{\": malformed pattern":                 {Paths: []string{"/a"}, Exclude: []string{"{"}},
		"tail: Paths: \"" + dir + "\": not a regular file":        {Paths: []string{dir}},
		"tail: Paths: \"" + dir + "/sock\": not a regular file":   {Paths: []string{dir + "/sock"}},
		"tail: Paths: \"/dev/null\": not a regular file":          {Paths: []string{"/dev/null"}},
		"tail: MaxLine: 1073741825 is more than 1073741824":       {Paths: []string{"/a"}, MaxLine: 1<<30 + 1},
		"tail: Poll: -1s is negative":                             {Paths: []string{"/a"}, Poll: -time.Second},
		"tail: Readers: -2 is negative":                           {Paths: []string{"/a"}, Readers: -2},
		"tail: From: 7 is neither Start nor End":                  {Paths: []string{"/a"}, From: 7},
		"tail: Paths: \"/nowhere/a\": no such file or directory":  {Paths: []string{"/nowhere/a"}, Once: true},
		"tail: Format: Format(7) is none of package record":       {Paths: []string{"/a"}, Format: 7},
		"tail: Multiline.Timeout: -1ns is negative":               {Paths: []string{"/a"}, Multiline: Multiline{Timeout: -1}},
		"tail: Multiline.MaxLines: -1 is negative":                {Paths: []string{"/a"}, Multiline: Multiline{Rule: record.Go(), MaxLines: -1}},
		"tail: Multiline: MaxLines has no meaning without a Rule": {Paths: []string{"/a"}, Multiline: Multiline{MaxLines: 5}},
		"tail: Rotated: it has no meaning with Once":              {Paths: []string{dir + "/*"}, Rotated: true, Once: true},
		"tail: Output: it has no meaning without a Format":        {Paths: []string{"/a"}, Output: record.Stdout},
		"tail: Output: 3 is none of package record":               {Paths: []string{"/a"}, Format: record.CRI, Output: 3},
		"tail: Encoding: " + errNewline.Error():                   {Paths: []string{"/a"}, Encoding: triple{}},
	} {
		if _, err := New(cfg); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	_, err = New(Config{Paths: []string{dir, "/b["}, Poll: -1, MaxLine: -1})
	if err == nil || strings.Count(err.Error(), "tail: ") != 4 {
		t.Errorf("%v, want four errors joined", err)
	}
}

func TestNewUnreadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "")
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Open(path); err == nil {
		f.Close()
		t.Skip("this user may read everything")
	}
	if _, err := New(Config{Paths: []string{path}}); err == nil || !strings.Contains(err.Error(), path+"\": permission denied") {
		t.Errorf("got %v", err)
	}
}

func TestWalk(t *testing.T) {
	dir := t.TempDir()
	for _, p := range []string{"a.log", "b.txt", "x/a.log", "x/y/a.log", "x/y/z/a.log", "w/a.log"} {
		os.MkdirAll(filepath.Dir(filepath.Join(dir, p)), 0o755)
		write(t, filepath.Join(dir, p), "")
	}
	os.Symlink(dir+"/x", dir+"/x/loop")
	os.Symlink(dir+"/x/y", dir+"/w/link")
	for pat, want := range map[string]string{
		"*.log":          "a.log",
		"*":              "a.log b.txt",
		"x/*.log":        "x/a.log",
		"*/*.log":        "w/a.log x/a.log",
		"{x,w}/a.log":    "w/a.log x/a.log",
		"{x/y,w}/a.log":  "w/a.log x/y/a.log",
		"w/**/*.log":     "w/a.log w/link/a.log w/link/z/a.log",
		"x/**/z/*.log":   "x/y/z/a.log",
		"nowhere/*/*.go": "",
		"a.log":          "a.log",
	} {
		p, err := parsePattern(filepath.Join(dir, pat))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		w := walk{
			list: os.ReadDir,
			file: func(path string) {
				if !p.matches(path) {
					t.Errorf("%s found, but %s does not match", path, pat)
				}
				rel, _ := filepath.Rel(dir, path)
				if !slices.Contains(got, rel) {
					got = append(got, rel)
				}
			},
			folder:   func(string) {},
			watch:    func(string) {},
			followed: func(string) bool { return false },
			fail:     func(folder string, err error) { t.Errorf("%s: %v", folder, err) },
		}
		w.run(&p)
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", pat, got, want)
		}
	}
}

func TestOneFileTwoNames(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/a.log", "1\n")
	os.Link(dir+"/a.log", dir+"/b.log")
	os.Symlink(dir+"/a.log", dir+"/c.log")
	r := start(t, quick(Config{Paths: []string{dir + "/*.log"}}), newSinkhole(), nil)
	r.await("1")
	write(t, dir+"/b.log", "2\n")
	r.await("1", "2")
	os.Remove(dir + "/a.log")
	write(t, dir+"/b.log", "3\n")
	r.await("1", "2", "3")
	if n := len(r.src.Stats()); n != 1 {
		t.Errorf("%d files, want 1", n)
	}
}

// TestSamePrefix: files that begin alike are different files.
func TestSamePrefix(t *testing.T) {
	dir := t.TempDir()
	head := strings.Repeat("the same header in every file\n", 100)
	write(t, dir+"/a.log", head)
	r := start(t, quick(Config{Paths: []string{dir + "/*.log"}}), newSinkhole(), nil)
	wait(t, "the first file", func() bool { return r.sink.count() == 100 })
	write(t, dir+"/b.log", head+"b\n")
	write(t, dir+"/c.log", head)
	write(t, dir+"/a.log", "a\n")
	wait(t, "all files", func() bool { return r.sink.count() == 302 })
	write(t, dir+"/c.log", "c\n")
	wait(t, "the last line", func() bool { return r.sink.count() == 303 })
	got := r.sink.got()
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, []string{"a", "b", "c", "the same header in every file"}) {
		t.Errorf("%q", got)
	}
}

// TestGoroutines: their number does not depend on that of files, and neither do
// large buffers.
func TestGoroutines(t *testing.T) {
	count := func(files int) int {
		dir := t.TempDir()
		for i := range files {
			write(t, fmt.Sprintf("%s/%d.log", dir, i), fmt.Sprintf("file %d\n", i))
		}
		sink := newSinkhole()
		sink.hold = true
		r := start(t, Config{Paths: []string{dir + "/*.log"}, MaxOpen: 16}, sink, nil)
		wait(t, "all files", func() bool { return sink.count() == files })
		n := runtime.NumGoroutine()
		if sink.memory > 8<<10 {
			t.Errorf("a batch of one short line holds %d bytes", sink.memory)
		}
		sink.setHold(false)
		sink.settle(nil)
		for i := range files {
			write(t, fmt.Sprintf("%s/%d.log", dir, i), "more\n")
		}
		wait(t, "more of all files", func() bool { return sink.count() == 2*files })
		r.stop()
		return n
	}
	if one, many := count(1), count(500); many > one {
		t.Errorf("%d goroutines for one file, %d for 500", one, many)
	}
}

func TestLabels(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/\xffa.log", "1\n")
	r := start(t, quick(Config{Paths: []string{dir + "/*"}}), newSinkhole(), nil)
	r.await("1")
	if got := r.sink.labels[0]; got != dir+"/\uFFFDa.log" {
		t.Errorf("label %q", got)
	}
	sink := newSinkhole()
	var app string
	sink.onLine = func(l batch.Labels, _ *batch.Entry) { app = l.Get("app") }
	r = start(t, Config{Paths: []string{dir + "/*"}, Once: true, Labels: func(path string) batch.Labels {
		return batch.MustLabels("app", filepath.Ext(path)[1:])
	}}, sink, nil)
	r.ended()
	if app != "log" {
		t.Errorf("label app=%q", app)
	}
}

// TestFairness: a large backlog does not keep a short file
// waiting.
func TestFairness(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/big.log", strings.Repeat(strings.Repeat("x", 200)+"\n", 200_000))
	sink := newSinkhole()
	bigs, before := 0, -1
	small := dir + "/small.log"
	sink.onLine = func(l batch.Labels, e *batch.Entry) {
		if l.Get("filename") == small {
			before = bigs
		} else {
			bigs++
		}
	}
	write(t, small, "now\n")
	r := start(t, Config{Paths: []string{dir + "/*.log"}, Readers: 1}, sink, nil)
	wait(t, "the short file", func() bool { sink.mu.Lock(); defer sink.mu.Unlock(); return before >= 0 })
	if before > 10_000 {
		t.Errorf("%d lines of the large file came first", before)
	}
	r.stop()
}
