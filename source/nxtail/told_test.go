//go:build linux

package nxtail

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/sourcetest"
)

// A journal is what a source has logged.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// A log that is renamed loses nothing, and nothing is said of a loss.
func TestRenameIsNotToldOf(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.log")
	src, err := New(Config{Paths: []string{path}, RotateWait: minPolls * pollInterval()})
	if err != nil {
		t.Fatal(err)
	}
	rec, log := new(sourcetest.Receiver), new(journal)
	saver, err := source.NewSaver(t.Context(), source.MemCheckpoints())
	if err != nil {
		t.Fatal(err)
	}
	sup := lifecycle.New(lifecycle.Config{})
	t.Cleanup(func() {
		if err := sup.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	out := source.NewOutlet(source.OutletConfig{Name: "logs", Receiver: rec, Saver: saver, Supervisor: sup,
		Logger: slog.New(slog.NewTextHandler(log, nil))})
	sup.Go("run", func(ctx context.Context) error { return out.Run(ctx, src) })

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for i, line := range []string{"one\n", "two\n", "three\n"} {
		if i > 0 {
			if err := os.Rename(path, path+".1"); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := rec.WaitLines(ctx, i+1); err != nil {
			t.Fatalf("%v; got %q", err, rec.Lines())
		}
	}
	if log.String() != "" {
		t.Errorf("logged %q", log)
	}
}
