package tail

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/logferry/logferry/source"
)

// again runs r's source once more at the same outlet, as a pipeline does after a
// failure, until the test ends or what it returns is called.
func (r *run) again() (stop func()) {
	r.t.Helper()
	r.cancel()
	<-r.done
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.out.Run(ctx, r.src); err != nil {
			r.t.Error(err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	r.t.Cleanup(stop)
	return stop
}

// idle reports whether n files are followed, and all of them were read to their
// end and delivered.
func (r *run) idle(n int) bool {
	st := r.src.Stats()
	for _, f := range st {
		if f.State != Idle || f.Lag > 0 {
			return false
		}
	}
	return len(st) == n
}

// TestRunAgainLost: what was in flight as Run ended, and is lost after it was run
// again, is read again, though the file is where no pattern finds it.
func TestRunAgainLost(t *testing.T) {
	dir := t.TempDir()
	text, lines := many(0, 500)
	write(t, dir+"/app.log", text)
	sink := newSinkhole()
	sink.setHold(true)
	r := start(t, quick(Config{Paths: []string{dir + "/app.log"}}), sink, source.MemCheckpoints())
	wait(t, "all lines to be sent", func() bool { return sink.count() == len(lines) && r.src.Stats()[0].Read == int64(len(text)) })
	r.cancel()
	<-r.done
	rename(t, dir+"/app.log", dir+"/app.log.1")
	sink.setHold(false)
	r.again()
	write(t, dir+"/app.log", "next\n")
	sink.settle(errLost)
	r.await(append(append(lines, lines...), "next")...)
}

// TestRunAgainFromEnd: a file that came while Run was not running is new.
func TestRunAgainFromEnd(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/old.log", "old\n")
	r := start(t, quick(Config{Paths: []string{dir + "/*.log"}, From: End}), newSinkhole(), source.MemCheckpoints())
	wait(t, "the old file", func() bool { return r.idle(1) })
	r.cancel()
	<-r.done
	write(t, dir+"/new.log", "new\n")
	r.again()
	r.await("new")
	wait(t, "both files", func() bool { return r.idle(2) })
	r.await("new")
}

// TestUnmount: files whose folder is empty for a while, as one is where nothing is
// mounted, are not read again when they are back, even if they are more than those
// that are remembered of the ones that were forgotten.
func TestUnmount(t *testing.T) {
	for _, n := range []int{3, maxDone + 100} {
		t.Run(fmt.Sprintf("%d files", n), func(t *testing.T) {
			if raceEnabled && n > maxDone {
				t.Skip("it takes long, and no more than few files do can race")
			}
			dir := t.TempDir()
			mkdir(t, dir+"/m")
			for i := range n {
				write(t, fmt.Sprintf("%s/m/svc-%05d.log", dir, i), fmt.Sprintf("first line of file %d\n", i))
			}
			cfg := quick(Config{Paths: []string{dir + "/m/*.log"}, MaxOpen: 64, RotateWait: 50 * time.Millisecond})
			r := start(t, cfg, newSinkhole(), nil)
			wait(t, "all lines", func() bool { return r.sink.count() == n })
			wait(t, "all files", func() bool { return r.idle(n) })
			rename(t, dir+"/m", dir+"/x")
			mkdir(t, dir+"/m")
			wait(t, "all to be gone", func() bool { return len(r.src.Stats()) == 0 })
			if err := os.Remove(dir + "/m"); err != nil {
				t.Fatal(err)
			}
			rename(t, dir+"/x", dir+"/m")
			wait(t, "all to be back", func() bool { return r.idle(n) })
			write(t, fmt.Sprintf("%s/m/svc-%05d.log", dir, n-1), "second\n")
			wait(t, "what was added", func() bool { return r.sink.count() >= n+1 })
			if got := r.sink.count(); got != n+1 || r.sink.got()[n] != "second" {
				t.Errorf("%d lines of %d, the first that came then %q; log:\n%.1000s", got, n+1, r.sink.got()[n], r.log)
			}
		})
	}
}
