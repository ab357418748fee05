package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/logferry/logferry/pipeline"
)

// demoLines is how many lines the demonstration writes, four a second.
const demoLines = 20

// A watcher waits for the end of the job. Meanwhile it shows how far it has
// come, and writes the log of the demonstration.
type watcher struct {
	progress bool
	folder   string   // of the demonstration, or ""
	log      *os.File // the same
	lines    int
}

// newWatcher makes a live log to follow if o names no file. Progress is shown
// on a terminal that no lines are printed to.
func newWatcher(o *options) *watcher {
	w := &watcher{progress: isTerminal(os.Stderr) && (o.url != "" || !isTerminal(os.Stdout))}
	if len(o.tail.Paths) > 0 || o.stdin {
		return w
	}
	folder, err := os.MkdirTemp("", "logferry-")
	if err != nil {
		return w // tail.New says that there is nothing to follow
	}
	w.folder = folder
	path := filepath.Join(folder, "demo.log")
	if w.log, err = os.Create(path); err == nil {
		o.tail.Paths = []string{path}
		fmt.Fprintf(os.Stderr, "no files given: following a live log of this program's own, %s, for 5 s\n", path)
	}
	return w
}

func (w *watcher) close() {
	if w.folder == "" {
		return
	}
	w.log.Close()
	os.RemoveAll(w.folder)
}

// until returns when p is done, at an interrupt, or when the demonstration is
// over. A second interrupt ends the program at once.
func (w *watcher) until(p *pipeline.Engine) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			fmt.Fprintln(os.Stderr, "\ndelivering what has been read, for 10 s at most; interrupt again to end at once")
			return
		case <-p.Done():
			return
		case <-tick.C:
		}
		if w.lines == demoLines {
			return // a tick after the last line was written
		}
		if w.log != nil {
			w.lines++
			fmt.Fprintf(w.log, "level=info msg=\"order shipped\" order=%d took=%dms\n", 1000+w.lines, w.lines*7%40)
		}
		if w.progress {
			var read, delivered, inFlight int64
			for _, s := range p.Stats().Sources {
				read, delivered, inFlight = read+s.Read, delivered+s.Delivered, inFlight+s.InFlight
			}
			fmt.Fprintf(os.Stderr, "\r%d read, %d delivered, %d in flight ", read, delivered, inFlight)
		}
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
