package sourcetest_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/sourcetest"
)

// newMySource stands for the constructor of the source under test.
func newMySource(path string) source.Source {
	return source.Func(func(ctx context.Context, out *source.Outlet) error { return nil })
}

// In a test of one's own, this is the body of TestMySource.
func ExampleRun() {
	TestMySource := func(t *testing.T) {
		sourcetest.Run(t, func(t testing.TB) sourcetest.Feed {
			path := filepath.Join(t.TempDir(), "app.log")
			return sourcetest.Feed{
				New: func() source.Source { return newMySource(path) },
				Write: func(lines ...string) {
					f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
					if err != nil {
						t.Fatal(err)
					}
					defer f.Close()
					if _, err := f.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
						t.Fatal(err)
					}
				},
			}
		})
	}
	_ = TestMySource
}

// A test that looks at what one source does when a batch is lost.
func ExampleReceiver() {
	TestMySource := func(t *testing.T) {
		r := new(sourcetest.Receiver)
		r.Hold()
		sourcetest.Start(t, newMySource("app.log"), r, source.MemCheckpoints())
		if err := r.Wait(t.Context(), func() bool { return len(r.Held()) == 2 }); err != nil {
			t.Fatal(err)
		}
		r.Held()[0].Lose(nil)
		r.Release()
		lines, err := r.WaitLines(t.Context(), 10)
		t.Log(lines, err)
	}
	_ = TestMySource
}
