//go:build linux

package nxtail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	nxadm "github.com/nxadm/tail"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/sourcetest"
)

// newFollower returns one that has a file of that content open, and what it logs.
func newFollower(t *testing.T, text string) (*follower, *strings.Builder) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.log")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := openFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.close)
	log := new(strings.Builder)
	out := source.NewOutlet(source.OutletConfig{Name: "logs", Receiver: new(sourcetest.Receiver),
		Supervisor: lifecycle.New(lifecycle.Config{}), Logger: slog.New(slog.NewTextHandler(log, nil))})
	cfg, err := prepare(Config{Paths: []string{path}}, pollInterval())
	if err != nil {
		t.Fatal(err)
	}
	return &follower{cfg: &cfg, path: path, out: out, file: f}, log
}

// When reading ends, and what is told of it.
func TestVigil(t *testing.T) {
	const text = "one\ntwo\nhalf"
	for _, test := range []struct {
		name       string
		gone       bool
		offset     int64
		unchanged  time.Duration
		over, done bool
		log        string
	}{
		{name: "busy", offset: 8, unchanged: 4 * time.Second},
		{name: "idle", offset: 8, unchanged: time.Hour},
		{name: "lines do not come", offset: 4, unchanged: time.Hour, over: true, log: "offset=4"},
		{name: "gone, and lines do not come", gone: true, offset: 4, unchanged: time.Hour, over: true, log: "offset=4"},
		{name: "gone a moment ago", gone: true, offset: 8, unchanged: 4 * time.Second},
		{name: "gone", gone: true, offset: 13, unchanged: time.Hour, over: true, done: true},
		{name: "gone, with half a line", gone: true, offset: 8, unchanged: time.Hour, over: true, done: true, log: "bytes=4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, log := newFollower(t, text)
			f.file.gone.Store(test.gone)
			v := vigil{follower: f, offset: test.offset, size: int64(len(text)), gone: test.gone, since: time.Now().Add(-test.unchanged)}
			if over := v.over(); over != test.over || f.done != test.done {
				t.Errorf("over %v, done %v; want %v, %v", over, f.done, test.over, test.done)
			}
			if !strings.Contains(log.String(), test.log) || test.log == "" && log.Len() > 0 {
				t.Errorf("logged %q, want %q in it", log, test.log)
			}
		})
	}
}

// Whatever happens to the file, the wait begins anew.
func TestVigilBeginsAnew(t *testing.T) {
	for name, change := range map[string]func(*vigil){
		"grown": func(v *vigil) { v.size-- },
		"gone":  func(v *vigil) { v.follower.file.gone.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := newFollower(t, "one\n")
			v := vigil{follower: f, offset: 0, size: 4, since: time.Now().Add(-time.Hour)}
			change(&v)
			if v.over() {
				t.Error("it is over at once")
			}
		})
	}
}

// A truncation shows in where lines end, and is told of, also if it comes before
// the first line that is read.
func TestVigilTruncated(t *testing.T) {
	for _, test := range []struct {
		name  string
		from  int64
		lines []nxadm.Line
		told  int
	}{
		{"not", 0, []nxadm.Line{lineAt("one", 4), lineAt("", 5), lineAt("two", 9)}, 0},
		{"not, after a restart", 100, []nxadm.Line{lineAt("one", 104), lineAt("two", 108)}, 0},
		{"once", 0, []nxadm.Line{lineAt("one", 4), lineAt("two", 8), lineAt("new", 4), lineAt("newer", 10)}, 1},
		{"twice", 0, []nxadm.Line{lineAt("one", 4), lineAt("two", 8), lineAt("a longer one", 13), lineAt("new", 4)}, 2},
		{"after a restart", 100, []nxadm.Line{lineAt("new", 4), lineAt("newer", 10)}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, log := newFollower(t, "")
			v := vigil{follower: f, offset: test.from}
			for _, l := range test.lines {
				v.pass(&l)
				if v.offset != l.SeekInfo.Offset {
					t.Errorf("offset %d, want %d", v.offset, l.SeekInfo.Offset)
				}
			}
			if told := strings.Count(log.String(), "truncated"); told != test.told {
				t.Errorf("told of %d times, want %d: %s", told, test.told, log)
			}
		})
	}
}

func lineAt(text string, end int64) nxadm.Line {
	return nxadm.Line{Text: text, SeekInfo: nxadm.SeekInfo{Offset: end}}
}

// A line that takes long to read has a newline a long way off. It is not taken for
// one without, and it is given time.
func TestVigilLongLine(t *testing.T) {
	const left = 64 << 20
	for _, test := range []struct {
		name       string
		end        string
		unchanged  time.Duration
		over, done bool
	}{
		{"has time", "\n", 6 * time.Second, false, false},
		{"does not come", "\n", time.Hour, true, false},
		{"has no end", "x", time.Hour, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, _ := newFollower(t, "one\n")
			if err := os.Truncate(f.path, left); err != nil {
				t.Fatal(err)
			}
			if err := appendText(f.path, test.end); err != nil {
				t.Fatal(err)
			}
			f.file.gone.Store(true)
			v := vigil{follower: f, offset: 4, size: left + 1, gone: true, since: time.Now().Add(-test.unchanged)}
			if over := v.over(); over != test.over || f.done != test.done {
				t.Errorf("over %v, done %v; want %v, %v", over, f.done, test.over, test.done)
			}
		})
	}
}

// What fails to be read is no line without end, and is told of.
func TestVigilUnreadable(t *testing.T) {
	for _, gone := range []bool{false, true} {
		t.Run(fmt.Sprintf("gone=%v", gone), func(t *testing.T) {
			f, log := newFollower(t, "one\n")
			deaf, err := os.OpenFile(f.path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			f.file.close()
			f.file.f = deaf
			f.file.gone.Store(gone)
			v := vigil{follower: f, size: 4, gone: gone, since: time.Now().Add(-time.Hour)}
			for range 2 {
				if over := v.over(); over != gone || f.done != gone {
					t.Errorf("over %v, done %v; want %v", over, f.done, gone)
				}
				if gone {
					break
				}
			}
			if n := strings.Count(log.String(), "bad file descriptor"); n != 1 {
				t.Errorf("told of %d times: %s", n, log)
			}
		})
	}
}

func appendText(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// What cannot be opened is logged once and tried again until ctx is done.
func TestBeginFails(t *testing.T) {
	f, log := newFollower(t, "")
	f.file.close() // there is no name of it any more
	ctx, cancel := context.WithCancelCause(t.Context())
	done := errors.New("done")
	tick := make(chan time.Time)
	go func() {
		tick <- time.Time{}
		tick <- time.Time{}
		cancel(done)
	}()
	if _, err := f.begin(ctx, tick, 0); err != done {
		t.Errorf("got %v, want the cause of ctx's end", err)
	}
	if n := strings.Count(log.String(), "cannot read a file"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log)
	}
}
