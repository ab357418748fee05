package nxtail

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/sourcetest"
)

// What cannot be opened is logged once and tried again until ctx is done.
func TestBeginFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := openFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f.close() // there is no name of it any more
	var log strings.Builder
	out := source.NewOutlet(source.OutletConfig{Name: "logs", Receiver: new(sourcetest.Receiver),
		Supervisor: lifecycle.New(lifecycle.Config{}), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ctx, cancel := context.WithCancelCause(t.Context())
	done := errors.New("done")
	tick := make(chan time.Time)
	go func() {
		tick <- time.Time{}
		tick <- time.Time{}
		cancel(done)
	}()
	fl := &follower{path: path, out: out, file: f}
	if _, err := fl.begin(ctx, tick, 0); err != done {
		t.Errorf("got %v, want the cause of ctx's end", err)
	}
	if n := strings.Count(log.String(), "cannot read a file"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, &log)
	}
}
