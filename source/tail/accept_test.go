package tail

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/record"
)

// A gatekeeper is a Config.Accept.
type gatekeeper struct {
	mu    sync.Mutex
	in    map[string]bool
	asked map[string]int
}

func (g *gatekeeper) accept(path string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.asked == nil {
		g.asked = map[string]int{}
	}
	g.asked[path]++
	return g.in[path]
}

func (g *gatekeeper) let(path string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.in == nil {
		g.in = map[string]bool{}
	}
	g.in[path] = true
}

func (g *gatekeeper) times(path string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked[path]
}

// TestAcceptLater: a file that is refused is asked about again, and then read
// from its start. Only the accepted count for MaxFiles.
func TestAcceptLater(t *testing.T) {
	dir := t.TempDir()
	a, b := dir+"/a.log", dir+"/b.log"
	write(t, a, "a\n")
	write(t, b, "b\n")
	var g gatekeeper
	r := start(t, quick(Config{Paths: []string{dir + "/*.log"}, Accept: g.accept, MaxFiles: 1}), newSinkhole(), nil)
	wait(t, "three looks", func() bool { return g.times(a) > 2 && g.times(b) > 2 })
	if n := len(r.src.Stats()); n > 0 {
		t.Errorf("%d files are followed, none is accepted", n)
	}
	g.let(b)
	r.await("b")
	write(t, b, "c\n")
	r.await("b", "c")
	if log := r.log.String(); log != "" {
		t.Errorf("logged: %s", log)
	}
}

// TestReconsider: neither a look nor an event would find it.
func TestReconsider(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	write(t, path, "a\n")
	var g gatekeeper
	cfg := Config{Paths: []string{path}, Accept: g.accept, NoWatch: true, Poll: time.Hour, IdlePoll: time.Hour}
	r := start(t, cfg, newSinkhole(), nil)
	wait(t, "the first look", func() bool { return g.times(path) > 0 })
	r.src.Reconsider(path)
	r.src.Reconsider(path + ".other")
	wait(t, "the question", func() bool { return g.times(path) > 1 })
	g.let(path)
	r.src.Reconsider(path)
	r.await("a")
	if n := g.times(path + ".other"); n > 0 {
		t.Errorf("asked %d times about a path that no pattern names", n)
	}
}

// TestAcceptLateAfterRestart: what a path held while nobody looked is found when
// it is accepted, however late, in order.
func TestAcceptLateAfterRestart(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(path string)
		want      []string
	}{
		"grown": {func(path string) { write(t, path, "2\n") }, []string{"2"}},
		"renamed": {func(path string) {
			write(t, path, "2\n")
			rename(t, path, path+".1")
			write(t, path, "3\n")
		}, []string{"2", "3"}},
		"renamed three times": {func(path string) {
			write(t, path, "2\n")
			rename(t, path, path+".3")
			sleepTick()
			write(t, path+".2", "3\n")
			sleepTick()
			write(t, path+".1", "4\n")
			sleepTick()
			write(t, path, "5\n")
		}, []string{"2", "3", "4", "5"}},
		"the known one is gone": {func(path string) {
			os.Remove(path)
			sleepTick()
			write(t, path+".1", "4\n")
			sleepTick()
			write(t, path, "5\n")
		}, []string{"4", "5"}},
		"no other yet": {func(path string) {
			write(t, path, "2\n")
			rename(t, path, path+".1")
		}, []string{"2"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.log")
			write(t, path, "1\n")
			store := source.MemCheckpoints()
			var g gatekeeper
			g.let(path)
			cfg := quick(Config{Paths: []string{path}, Accept: g.accept})
			r := start(t, cfg, newSinkhole(), store)
			r.await("1")
			r.stop()
			c.meanwhile(path)
			var later gatekeeper
			cfg.Accept = later.accept
			cfg.Poll, cfg.IdlePoll = time.Hour, time.Hour // but for Reconsider
			cfg.NoWatch, cfg.Readers = true, 1
			r = start(t, cfg, newSinkhole(), store)
			wait(t, "the first look", func() bool { return later.times(path) > 0 })
			seen := later.times(path)
			r.src.Reconsider(path)
			wait(t, "the question", func() bool { return later.times(path) > seen })
			later.let(path)
			r.src.Reconsider(path)
			r.await(c.want...)
			if log := r.log.String(); strings.Contains(log, "not found") {
				t.Errorf("logged: %s", log)
			}
		})
	}
}

// TestAcceptMeanwhile: the answer may change at any moment, also while what was
// there before is taken up.
func TestAcceptMeanwhile(t *testing.T) {
	for noes := range 8 {
		path := filepath.Join(t.TempDir(), "app.log")
		write(t, path, "1\n")
		store := source.MemCheckpoints()
		cfg := quick(Config{Paths: []string{path}})
		r := start(t, cfg, newSinkhole(), store)
		r.await("1")
		r.stop()
		write(t, path, "2\n")
		rename(t, path, path+".1")
		write(t, path, "3\n")
		left := noes
		cfg.Accept = func(string) bool { left--; return left < 0 }
		r = start(t, cfg, newSinkhole(), store)
		r.await("2", "3")
		r.stop()
	}
}

// TestAcceptKeepsCursors: as long as the file is there, and no longer.
func TestAcceptKeepsCursors(t *testing.T) {
	dir := t.TempDir()
	a, b := dir+"/a.log", dir+"/b.log"
	write(t, a, "a\n")
	write(t, b, "b\n")
	store := source.MemCheckpoints()
	cfg := quick(Config{Paths: []string{dir + "/*.log"}})
	r := start(t, cfg, newSinkhole(), store)
	wait(t, "the lines", func() bool { return r.sink.count() == 2 })
	r.stop()
	if err := os.Remove(b); err != nil {
		t.Fatal(err)
	}
	cfg.Accept = func(string) bool { return false }
	src, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	expired := make(chan struct{})
	src.plan.check = func(s *scanner) {
		for i := range 3 {
			s.expire(time.Now().Add(time.Duration(i+1) * (orphanWait + time.Minute)))
		}
		select {
		case <-expired:
		default:
			close(expired)
		}
	}
	r = startSource(t, src, newSinkhole(), store)
	<-expired
	r.stop()
	var left []string
	for name := range store.All(t.Context()) {
		left = append(left, name)
	}
	if len(left) != 1 || !strings.HasPrefix(left[0], "tail/"+a+"#") {
		t.Errorf("cursors of %q are left, want that of %s", left, a)
	}
}

// TestAcceptFromEnd: what was there at the first look is left out, not what came
// before the file was accepted.
func TestAcceptFromEnd(t *testing.T) {
	dir := t.TempDir()
	old, fresh := dir+"/old.log", dir+"/fresh.log"
	write(t, old, "1\n2")
	var g gatekeeper
	r := start(t, quick(Config{Paths: []string{dir + "/*.log"}, From: End, Accept: g.accept}), newSinkhole(), nil)
	wait(t, "two looks", func() bool { return g.times(old) > 1 })
	write(t, old, "\n3\n")
	g.let(old)
	r.src.Reconsider(old)
	r.await("2", "3")
	write(t, fresh, "4\n")
	wait(t, "a look", func() bool { return g.times(fresh) > 0 })
	g.let(fresh)
	r.src.Reconsider(fresh)
	r.await("2", "3", "4")
}

// TestOthersCursors: sources of two kinds may share an outlet.
func TestOthersCursors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	write(t, path, "a\n")
	store := source.MemCheckpoints()
	others := map[string]string{"tail/0123456789abcdef": "1 x", "tail/x#1": "y", "tail/": "z"}
	store.Save(t.Context(), others, nil)
	r := start(t, quick(Config{Paths: []string{path}}), newSinkhole(), store)
	r.await("a")
	r.stop()
	if log := r.log.String(); log != "" {
		t.Errorf("logged: %s", log)
	}
	all := map[string]string{}
	for name, text := range store.All(t.Context()) {
		all[name] = text
	}
	for name, text := range others {
		if all[name] != text {
			t.Errorf("%s has %q, want %q", name, all[name], text)
		}
	}
	if len(all) != len(others)+1 {
		t.Errorf("cursors %q", all)
	}
}

// dockerLine is a line as the json-file driver writes it.
func dockerLine(stream, text string) string {
	return fmt.Sprintf(`{"log":%q,"stream":%q,"time":"2006-01-02T15:04:05.999999999Z"}`, text, stream) + "\n"
}

// TestAttrs: every generation of a file has the attributes of its path, behind
// those of the format.
func TestAttrs(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/app.log"
	write(t, path, dockerLine("stdout", "1\n"))
	cfg := quick(Config{Paths: []string{path}, Format: record.DockerJSON, Attrs: func(path string) []batch.Attr {
		return []batch.Attr{{Key: "file", Value: filepath.Base(path)}}
	}})
	store := source.MemCheckpoints()
	r := start(t, cfg, newSinkhole(), store)
	r.await("1")
	rename(t, path, path+".2")
	write(t, path+".1", dockerLine("stderr", "2\n"))
	write(t, path, dockerLine("stdout", "3\n"))
	r.await("1", "2", "3")
	copyFile(t, path, path+".0")
	os.Truncate(path, 0)
	write(t, path, dockerLine("stdout", "4\n")+"bad\n")
	r.await("1", "2", "3", "4", "bad")
	want := []string{"stream=stdoutfile=app.log", "stream=stderrfile=app.log", "stream=stdoutfile=app.log", "stream=stdoutfile=app.log", "malformed=docker-jsonfile=app.log"}
	if !slices.Equal(r.sink.attrs, want) {
		t.Errorf("%q", r.sink.attrs)
	}
	r.stop()
	write(t, path, dockerLine("stdout", "5\n"))
	r = start(t, cfg, newSinkhole(), store)
	r.await("5")
	if !slices.Equal(r.sink.attrs, want[:1]) {
		t.Errorf("%q", r.sink.attrs)
	}
}

// TestReconsiderFollowed: what a file is told by may change.
func TestReconsiderFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	write(t, path, "1\n")
	var name atomic.Value
	name.Store("a")
	store := source.MemCheckpoints()
	r := start(t, quick(Config{Paths: []string{path}, AddPath: true,
		Labels: func(string) batch.Labels { return batch.MustLabels("filename", name.Load().(string)) },
		Attrs:  func(string) []batch.Attr { return []batch.Attr{{Key: "name", Value: name.Load().(string)}} },
	}), newSinkhole(), store)
	r.await("1")
	name.Store("b")
	r.src.Reconsider(path)
	wait(t, "it to be taken", func() bool { r.src.mu.Lock(); defer r.src.mu.Unlock(); return len(r.src.asked) == 0 })
	write(t, path, "2\n")
	r.await("1", "2")
	write(t, path, "3\n")
	r.await("1", "2", "3")
	if want := []string{"a", "b", "b"}; !slices.Equal(r.sink.labels, want) {
		t.Errorf("labels %q, want %q", r.sink.labels, want)
	}
	for i, want := range []string{"name=a", "name=b", "name=b"} {
		if !strings.HasPrefix(r.sink.attrs[i], want) {
			t.Errorf("line %d has %q, want %q", i, r.sink.attrs[i], want)
		}
	}
}

// TestAttrsAlone: lines that are in no format have them too.
func TestAttrsAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	write(t, path, strings.Repeat("x\n", chunk))
	r := start(t, quick(Config{Paths: []string{path}, Attrs: func(string) []batch.Attr {
		return []batch.Attr{{Key: "a", Value: "b"}}
	}}), newSinkhole(), nil)
	r.await(slices.Repeat([]string{"x"}, chunk)...)
	for i, attrs := range r.sink.attrs {
		if attrs != "a=b" {
			t.Fatalf("line %d has %q", i, attrs)
		}
	}
}

// TestOutput: lines of the other output are left out, and the cursor stands
// behind them all the same. Pieces of lines are joined as before.
func TestOutput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	write(t, path, dockerLine("stdout", "1, ")+dockerLine("stderr", "a, ")+dockerLine("stdout", "1\n")+"bad\n"+
		dockerLine("stderr", "a\n")+dockerLine("stdout", "2\n")+strings.Repeat(dockerLine("stderr", "b\n"), 3000))
	for output, want := range map[record.Stream][]string{
		record.Stdout: {"1, 1", "bad", "2"},
		record.Stderr: append([]string{"a, ", "bad", "a"}, slices.Repeat([]string{"b"}, 3000)...),
	} {
		store := source.MemCheckpoints()
		cfg := quick(Config{Paths: []string{path}, Format: record.DockerJSON, Output: output})
		r := start(t, cfg, newSinkhole(), store)
		r.await(want...)
		wait(t, "the end", func() bool { st := r.src.Stats(); return st[0].Lag == 0 && st[0].State == Idle })
		r.stop()
		r = start(t, cfg, newSinkhole(), store)
		wait(t, "the end", func() bool { st := r.src.Stats(); return len(st) == 1 && st[0].Lag == 0 && st[0].State == Idle })
		r.await()
	}
}
