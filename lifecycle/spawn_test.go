package lifecycle_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const moduleRoot = ".."

// TestLaw holds every non-test file of the module against the law in law_test.go.
func TestLaw(t *testing.T) {
	files, err := goFiles(moduleRoot)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(files, "lifecycle/spawn.go") {
		t.Fatalf("lifecycle/spawn.go is not among the %d files found", len(files))
	}
	used := map[[2]string]bool{}
	for _, file := range files {
		found, err := inspect(file, filepath.Join(moduleRoot, file), nil)
		if err != nil {
			t.Errorf("%v", err)
		}
		for _, v := range found {
			used[[2]string{v.file, v.construct}] = true
			if !v.excused() {
				t.Errorf("%v: not allowed here: start goroutines with lifecycle.Supervisor, leave the process to the host, "+
					"or add the file to the list in law_test.go with the reason why it is safe", v)
			}
		}
	}
	for _, a := range allowed {
		if _, err := os.Stat(filepath.Join(moduleRoot, filepath.Dir(a.file))); err == nil && !used[[2]string{a.file, a.construct}] {
			t.Errorf("law_test.go allows %s in %s, which does not use it", a.construct, a.file)
		}
	}
}

// Each rule finds what it forbids, however it is written, and leaves the innocent look-alike alone.
func TestLawFindsViolations(t *testing.T) {
	tests := []struct {
		name string
		file string
		src  string
		want []string // the constructs that are found and not excused
	}{
		{"go", "batch/x.go", `package x; func f() { go f() }`, []string{"go statement"}},
		{"go in a literal", "batch/x.go", `package x; var f = func() { go func() {}() }`, []string{"go statement"}},
		{"go in another file of lifecycle", "lifecycle/run.go", `package lifecycle; func f() { go f() }`, []string{"go statement"}},
		{"go in spawn.go", "lifecycle/spawn.go", `package lifecycle; func f() { go f() }`, nil},
		{"go in another spawn.go", "source/spawn.go", `package source; func f() { go f() }`, []string{"go statement"}},
		{"go in a kit", "sink/sinktest/x.go", `package sinktest; func f() { go f() }`, nil},
		{"go in a program", "examples/files/main.go", `package main; func main() { go main() }`, []string{"go statement"}},
		{"go on another platform", "source/x_windows.go", "//go:build windows\n\npackage source; func f() { go f() }", []string{"go statement"}},

		{"WaitGroup.Go", "batch/x.go", `package x; import "sync"; type t struct{ wg sync.WaitGroup }; func (t *t) f() { t.wg.Go(func() {}) }`,
			[]string{"sync.WaitGroup"}},
		{"WaitGroup under another name", "batch/x.go", `package x; import s "sync"; type group = s.WaitGroup`, []string{"sync.WaitGroup"}},
		{"pointer to a WaitGroup", "batch/x.go", `package x; import "sync"; func f(wg *sync.WaitGroup) {}`, []string{"sync.WaitGroup"}},
		{"Supervisor.Go", "batch/x.go", `package x; import "github.com/logferry/logferry/lifecycle"; func f(s *lifecycle.Supervisor) { s.Go("x", nil) }`, nil},
		{"errgroup", "batch/x.go", `package x; import "golang.org/x/sync/errgroup"; var g errgroup.Group`, []string{"errgroup.*"}},
		{"conc", "batch/x.go", `package x; import _ "github.com/sourcegraph/conc/pool"`, []string{"pool.*"}},

		{"time.AfterFunc", "batch/x.go", `package x; import "time"; func f() { time.AfterFunc(1, f) }`, []string{"time.AfterFunc"}},
		{"time.AfterFunc as a value", "batch/x.go", `package x; import clock "time"; var after = clock.AfterFunc`, []string{"time.AfterFunc"}},
		{"time.NewTimer", "batch/x.go", `package x; import "time"; var timer = time.NewTimer(1)`, nil},
		{"a variable named time", "batch/x.go", `package x; import "time"; var _ time.Time; func f(time interface{ AfterFunc() }) { time.AfterFunc() }`, nil},
		{"context.AfterFunc", "batch/x.go", `package x; import "context"; func f(c context.Context) { context.AfterFunc(c, nil) }`, []string{"context.AfterFunc"}},
		{"dot import", "batch/x.go", `package x; import . "time"; func f() { AfterFunc(1, f) }`, []string{"dot import of time"}},
		{"iter.Pull", "batch/x.go", `package x; import "iter"; var pull = iter.Pull[int]`, []string{"iter.Pull"}},

		{"signal.Notify", "pipeline/x.go", `package x; import "os/signal"; func f() { signal.Notify(nil) }`, []string{"signal.*"}},
		{"signal.NotifyContext in a program", "examples/files/main.go", `package main; import "os/signal"; var f = signal.NotifyContext`, nil},
		{"exec", "source/x.go", `package x; import "os/exec"; var f = exec.Command`, []string{"exec.*"}},

		{"fsnotify", "source/tail/poll.go", `package tail; import "github.com/fsnotify/fsnotify"; var w, _ = fsnotify.NewWatcher()`, []string{"fsnotify.NewWatcher"}},
		{"fsnotify in its adapter", "source/tail/watch.go", `package tail; import "github.com/fsnotify/fsnotify"; var w, _ = fsnotify.NewWatcher()`, nil},
		{"fsnotify's buffered one in its adapter", "source/tail/watch.go", `package tail; import n "github.com/fsnotify/fsnotify"; var w, _ = n.NewBufferedWatcher(1)`,
			[]string{"fsnotify.NewBufferedWatcher"}},
		{"backoff.Ticker", "sink/x.go", `package sink; import "github.com/cenkalti/backoff/v4"; var t = backoff.NewTicker(nil)`, []string{"backoff.NewTicker"}},
		{"backoff", "sink/x.go", `package sink; import "github.com/cenkalti/backoff/v4"; var b = backoff.NewExponentialBackOff()`, nil},
		{"nxadm/tail", "source/x.go", `package x; import "github.com/nxadm/tail"; var f = tail.TailFile`, []string{"tail.TailFile"}},
		{"our own tail", "source/x.go", `package x; import "github.com/logferry/logferry/source/tail"; var f = tail.TailFile`, nil},
		{"docker", "source/x.go", `package x; import docker "github.com/docker/docker/client"; var f = docker.NewClientWithOpts`, []string{"client.NewClientWithOpts"}},
		{"zstd", "sink/file/x.go", `package x; import "github.com/klauspost/compress/zstd"; var f = zstd.NewWriter`, []string{"zstd.NewWriter"}},

		{"default client", "sink/x.go", `package x; import "net/http"; func f() { http.Get("") }; var c = http.DefaultClient`,
			[]string{"http.Get", "http.DefaultClient"}},
		{"client literal", "sink/x.go", `package x; import "net/http"; var c = &http.Client{}`, []string{"http.Client"}},
		{"client by new", "sink/x.go", `package x; import "net/http"; var c = new(http.Client)`, []string{"http.Client"}},
		{"client as a field", "sink/x.go", `package x; import "net/http"; type t struct{ c http.Client }`, []string{"http.Client"}},
		{"client from the caller", "sink/x.go", `package x; import "net/http"; type t struct{ c *http.Client }`, nil},
		{"transport", "sink/x.go", `package x; import web "net/http"; var c = &web.Transport{}`, []string{"http.Transport"}},
		{"transport in its adapter", "internal/transport/transport.go", `package transport; import "net/http"; var c = &http.Transport{}`, nil},
		{"server", "pipeline/x.go", `package x; import "net/http"; var err = http.ListenAndServe("", nil)`, []string{"http.ListenAndServe"}},
		{"server in a program", "examples/x/main.go", `package main; import "net/http"; var err = http.ListenAndServe("", nil)`, nil},
		{"client in a program", "examples/x/main.go", `package main; import "net/http"; var c = http.DefaultClient`, []string{"http.DefaultClient"}},
		{"test server in a kit", "sink/sinktest/x.go", `package sinktest; import "net/http/httptest"; var s = httptest.NewServer(nil)`, nil},
		{"test server", "sink/x.go", `package sink; import "net/http/httptest"; var s = httptest.NewServer(nil)`, []string{"httptest.*"}},

		{"init", "batch/x.go", `package x; func init() {}`, []string{"func init"}},
		{"a method named init", "batch/x.go", `package x; type t int; func (t) init() {}`, nil},
		{"os.Exit", "batch/x.go", `package x; import "os"; func f() { os.Exit(1) }`, []string{"os.Exit"}},
		{"os.Exit in a kit", "sink/sinktest/x.go", `package x; import "os"; func f() { os.Exit(1) }`, []string{"os.Exit"}},
		{"environment", "batch/x.go", `package x; import "os"; var home = os.Getenv("HOME")`, []string{"os.Getenv"}},
		{"proxy from the environment", "internal/transport/transport.go", `package x; import "net/http"; var p = http.ProxyFromEnvironment`, []string{"http.ProxyFromEnvironment"}},
		{"environment in the kit that needs it", "internal/enginetest/need.go", `package x; import "os"; var v = os.Getenv("X")`, nil},
		{"environment elsewhere in that kit", "internal/enginetest/x.go", `package x; import "os"; var v = os.Getenv("X")`, []string{"os.Getenv"}},
		{"os.Exit in a program of tests", "internal/enginetest/chatter/x.go", `package main; import "os"; func f() { os.Exit(1) }`, nil},
		{"go in a program of tests", "internal/enginetest/chatter/x.go", `package main; func f() { go f() }`, []string{"go statement"}},
		{"log", "batch/x.go", `package x; import "log"; func f() { log.Print() }`, []string{"log.*"}},
		{"slog's default", "batch/x.go", `package x; import "log/slog"; func f(l *slog.Logger) { slog.Info(""); l.Info("") }`, []string{"slog.Info"}},
		{"expvar", "batch/x.go", `package x; import _ "expvar"`, []string{"expvar.*"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found, err := inspect(test.file, test.file, test.src)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range found {
				if !v.excused() {
					got = append(got, v.construct)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

func TestLawSeesEveryFile(t *testing.T) {
	root := t.TempDir()
	for _, file := range []string{
		"go.mod", "a.go", "a_test.go", "a.txt", "x/b.go", "x/y/b_windows.go", "x/testdata/c.go", "x/_old/c.go", ".git/c.go",
		"nested/go.mod", "nested/d.go", "nested/deep/d.go", "x/_e.go",
	} {
		p := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte("package x\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := goFiles(root)
	if want := []string{"a.go", "x/b.go", "x/y/b_windows.go"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}
