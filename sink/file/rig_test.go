package file

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// noon is when tests take place that give the time themselves.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// rig is a Sink in a folder of its own.
type rig struct {
	*Sink
	t    testing.TB
	dir  string
	disk *faultDisk
	pool *batch.Pool

	failed func(error) // if set, it is told of each error in persist
}

// newRig opens a Sink; cfg.Path is below the folder of the rig.
func newRig(t testing.TB, cfg Config) *rig {
	t.Helper()
	return openRig(t, t.TempDir(), cfg)
}

func openRig(t testing.TB, dir string, cfg Config) *rig {
	t.Helper()
	cfg.Path = filepath.ToSlash(dir) + "/" + cfg.Path
	if cfg.Location == nil {
		cfg.Location = time.UTC
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Sink: s, t: t, dir: dir, disk: &faultDisk{disk: s.disk}, pool: &batch.Pool{Poison: true}}
	s.disk = r.disk
	t.Cleanup(func() { r.shut() })
	return r
}

// shut closes the Sink.
func (r *rig) shut() {
	r.t.Helper()
	if err := r.Close(context.Background()); err != nil {
		r.t.Errorf("Close: %v", err)
	}
}

// of makes a batch of one stream.
func (r *rig) of(l batch.Labels, lines ...string) *batch.Batch {
	b := batch.New(r.pool, l)
	for _, line := range lines {
		b.Append(noon, []byte(line))
	}
	return b
}

// try writes lines once.
func (r *rig) try(now time.Time, l batch.Labels, lines ...string) error {
	b := r.of(l, lines...)
	defer b.Settle(nil)
	return r.write(context.Background(), b, now)
}

// put writes lines, which must go well.
func (r *rig) put(now time.Time, l batch.Labels, lines ...string) {
	r.t.Helper()
	if err := r.try(now, l, lines...); err != nil {
		r.t.Fatal(err)
	}
}

// persist writes lines again until all are written, and returns how often it took.
func (r *rig) persist(now time.Time, l batch.Labels, lines ...string) (tries int) {
	r.t.Helper()
	b := r.of(l, lines...)
	defer b.Settle(nil)
	d := sink.RetryConfig{}.Begin(b)
	for again := true; again; {
		err := r.write(context.Background(), d.Batch(), now)
		if err != nil && r.failed != nil {
			r.failed(err)
		}
		_, again = d.Done(err)
		now = now.Add(time.Second)
		if tries++; tries > 100 {
			r.t.Fatalf("not written after 100 tries: %v", d.Pending())
		}
	}
	if err := d.Err(); err != nil {
		r.t.Fatalf("refused: %v", err)
	}
	return tries
}

// names lists the files below the folder.
func (r *rig) names() (names []string) {
	r.t.Helper()
	err := filepath.WalkDir(r.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(r.dir, path)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return names
}

// holds checks which files there are.
func (r *rig) holds(want ...string) {
	r.t.Helper()
	if got := r.names(); !slices.Equal(got, want) {
		r.t.Fatalf("there are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// file checks the lines of one.
func (r *rig) file(name string, want ...string) {
	r.t.Helper()
	if got := readFile(r.t, filepath.Join(r.dir, name)); !slices.Equal(got, want) {
		r.t.Fatalf("%s holds %q, want %q", name, got, want)
	}
}

// plant makes a file that another process could have left.
func (r *rig) plant(name, text string, changed time.Time) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Chtimes(path, changed, changed); err != nil {
		r.t.Fatal(err)
	}
}

var shop = batch.MustLabels("app", "shop")

// numbered returns n lines beginning with the number from.
func numbered(from, n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf("line %04d %s", from+i, strings.Repeat("x", (from+i)%23)))
	}
	return lines
}
