package tail

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestLinkToQueued: what a link leads to now waited for a reader already, found by
// another path. Before it comes what the link led to before.
func TestLinkToQueued(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "app.log")
	point := func(to string) {
		t.Helper()
		if err := os.Symlink(to, link+".new"); err != nil {
			t.Skip(err)
		}
		rename(t, link+".new", link)
	}
	text, lines := many(0, 30000)
	write(t, dir+"/app.0.log", text)
	point("app.0.log")
	let := make(chan struct{})
	sink := newSinkhole()
	sink.gate = until(let)
	r := start(t, quick(Config{Paths: []string{link, dir + "/app.*.log"}, Readers: 1}), sink, nil)
	in := func(path string, state State) func() bool {
		return func() bool {
			return slices.ContainsFunc(r.src.Stats(), func(s FileStats) bool { return s.Path == path && s.State == state })
		}
	}
	wait(t, "the first file", in(link, Reading))
	write(t, dir+"/app.1.log", "next\n")
	wait(t, "the next file", in(dir+"/app.1.log", Reading))
	point("app.1.log")
	wait(t, "the next file to wait", in(dir+"/app.1.log", Waiting))
	close(let)
	r.await(append(lines, "next")...)
}
