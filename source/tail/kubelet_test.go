package tail

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/record"
)

// A node lays out logs as the kubelet does: a link in one folder to a link in
// another, which leads to the runtime's file in a third.
type node struct {
	t    *testing.T
	root string
	n    int
}

const podDir = "shop_web-0_6f1c8a52-0b1e-4c53-9d0a-5f0c2f6f5a11/app"

func newNode(t *testing.T) *node {
	k := &node{t: t, root: t.TempDir()}
	for _, dir := range []string{"containers", "pods/" + podDir, "runtime"} {
		if err := os.MkdirAll(filepath.Join(k.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	k.link("runtime/0.log", "pods/"+podDir+"/0.log")
	k.link("pods/"+podDir+"/0.log", "containers/web-0_shop_app-"+strings.Repeat("0f", 32)+".log")
	return k
}

func (k *node) link(to, at string) {
	if err := os.Symlink(filepath.Join(k.root, to), filepath.Join(k.root, at)); err != nil {
		k.t.Skip(err)
	}
}

// lines writes n lines in the CRI format and returns their texts.
func (k *node) lines(n int) (texts []string) {
	for range n {
		k.n++
		text := fmt.Sprintf("line %d", k.n)
		write(k.t, filepath.Join(k.root, "runtime/0.log"), "2026-01-02T03:04:05.123456789Z stdout F "+text+"\n")
		texts = append(texts, text)
	}
	return texts
}

// rotate does what the kubelet has the runtime do.
func (k *node) rotate(stamp string) {
	rename(k.t, filepath.Join(k.root, "runtime/0.log"), filepath.Join(k.root, "runtime/0.log."+stamp))
}

// TestKubelet: a log behind nested links is followed through rotations, those
// that nobody saw included, and keeps the labels its path tells.
func TestKubelet(t *testing.T) {
	ways(t, func(t *testing.T, noWatch bool) {
		k := newNode(t)
		store := source.MemCheckpoints()
		cfg := quick(Config{
			Paths: []string{k.root + "/containers/*.log"}, NoWatch: noWatch, Format: record.CRI, Labels: PodLabels,
		})
		want := k.lines(3)
		r := start(t, cfg, newSinkhole(), store)
		r.await(want...)
		k.rotate("20260102-030405")
		want = append(want, k.lines(2)...)
		r.await(want...)
		r.stop()

		want = k.lines(1)
		for i := range 3 { // nobody looks
			k.rotate(fmt.Sprintf("20260102-04040%d", i))
			sleepTick()
			want = append(want, k.lines(2)...)
		}
		r = start(t, cfg, newSinkhole(), store)
		r.await(want...)
		r.sink.mu.Lock()
		l := r.sink.last
		r.sink.mu.Unlock()
		if l.Get("namespace") != "shop" || l.Get("pod") != "web-0" || l.Get("container") != "app" {
			t.Errorf("labels %v", l)
		}
		if got := r.sink.got(); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
}
