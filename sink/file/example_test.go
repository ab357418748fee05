package file_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink/file"
)

// at is when the entries of examples were written.
var at = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// folder makes one for an example.
func folder() (dir string, remove func()) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	return dir, func() { os.RemoveAll(dir) }
}

// show prints the files below dir.
func show(dir string) {
	fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, path))
		fmt.Printf("%s:\n%s", path, text)
		return err
	})
}

// A file for each application and day. What a file name cannot hold is escaped.
func ExampleNew() {
	dir, remove := folder()
	defer remove()
	s, err := file.New(file.Config{Path: dir + "/{app}/{date}.log", Location: time.UTC})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for _, app := range []string{"shop", "../etc"} {
		b := batch.New(nil, batch.MustLabels("app", app))
		b.Append(at, []byte("opened"))
		b.Append(at.AddDate(0, 0, 1), []byte("open for a day"))
		if err := s.Write(ctx, b); err != nil {
			fmt.Println(err)
		}
		b.Settle(nil)
	}
	if err := s.Close(ctx); err != nil {
		fmt.Println(err)
	}
	show(dir)
	// Output:
	// %2E.%2Fetc/2026-01-02.log:
	// opened
	// %2E.%2Fetc/2026-01-03.log:
	// open for a day
	// shop/2026-01-02.log:
	// opened
	// shop/2026-01-03.log:
	// open for a day
}

// The three forms of a line. A newline within an entry never makes two lines of it.
func ExampleConfig_format() {
	dir, remove := folder()
	defer remove()
	ctx := context.Background()
	for name, cfg := range map[string]file.Config{
		"raw":      {},
		"json":     {Format: file.JSON},
		"template": {Template: "{time:15:04:05} {app} {attr:level}: {line}"},
	} {
		cfg.Path = filepath.ToSlash(dir) + "/" + name + ".log"
		cfg.Location = time.UTC
		s, err := file.New(cfg)
		if err != nil {
			fmt.Println(err)
			return
		}
		b := batch.New(nil, batch.MustLabels("app", "shop"))
		b.Append(at, []byte("panic: no stock\ngoroutine 1"), batch.Attr{Key: "level", Value: "error"})
		if err := s.Write(ctx, b); err != nil {
			fmt.Println(err)
		}
		b.Settle(nil)
		s.Close(ctx)
	}
	show(dir)
	// Output:
	// json.log:
	// {"time":"2026-01-02T15:04:05Z","line":"panic: no stock\ngoroutine 1","labels":{"app":"shop"},"attrs":{"level":"error"}}
	// raw.log:
	// panic: no stock\ngoroutine 1
	// template.log:
	// 15:04:05 shop error: panic: no stock\ngoroutine 1
}

// What a service with limited space asks for: a new file every night and whenever one is large, compressed, for two weeks
// at most and never more than 10 GiB.
func ExampleConfig_rotate() {
	dir, remove := folder()
	defer remove()
	s, err := file.New(file.Config{
		Path:     dir + "/{app}.log",
		Rotate:   file.Rotate{Bytes: 256 << 20, At: []string{"00:00"}},
		Compress: file.Zstd,
		Keep:     file.Keep{Age: 14 * 24 * time.Hour, Bytes: 10 << 30},
		Sync:     file.SyncBatch,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Health(), s.Close(context.Background()))
	// Output: <nil> <nil>
}
