//go:build linux

package nxtail_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nxadm/tail/watch"

	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/nxtail"
	"github.com/logferry/logferry/source/sourcetest"
)

// All of the contract holds for a file that is appended to.
func TestContract(t *testing.T) {
	sourcetest.Run(t, func(t testing.TB) sourcetest.Feed {
		path := filepath.Join(t.TempDir(), "app.log")
		return sourcetest.Feed{
			New:   func() source.Source { return newSource(t, path) },
			Write: func(lines ...string) { appendTo(t, path, strings.Join(lines, "\n")+"\n") },
		}
	})
}

// newSource takes a file for finished as soon as it may.
func newSource(t testing.TB, paths ...string) *nxtail.Source {
	t.Helper()
	src, err := nxtail.New(nxtail.Config{Paths: paths, RotateWait: 4 * watch.POLL_DURATION})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func appendTo(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}
