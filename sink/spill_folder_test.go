package sink_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// segments returns the queue's files of records.
func segments(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.spool"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// leaveQueue makes a folder with some entries that were not delivered.
func leaveQueue(t *testing.T) (dir string, lines []string) {
	t.Helper()
	r := startSpill(t, &memory{down: true}, sink.SpillConfig{})
	batches, lines := series(5, 2)
	for _, b := range batches {
		r.write(b)
	}
	r.end()
	return r.dir, lines
}

// What is damaged shows in Stats, in the hook and in a file, and costs no other record.
func TestSpillDamaged(t *testing.T) {
	dir, lines := leaveQueue(t)
	file := segments(t, dir)[0]
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 4 // in the third of five records
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	told := make(chan sink.SpillDamage, 1)
	r := startSpill(t, &memory{}, sink.SpillConfig{Dir: dir, OnDamaged: func(d sink.SpillDamage) { told <- d }})
	r.drain()
	r.want(append(lines[:4:4], lines[6:]...))
	d := <-told
	if kept, err := os.ReadFile(filepath.Join(dir, d.Kept)); err != nil || int64(len(kept)) != d.Bytes || d.Records != 1 || d.File != filepath.Base(file) {
		t.Errorf("told of %v, kept %d bytes, %v", d, len(kept), err)
	}
	if !strings.Contains(d.String(), "1 records lost") {
		t.Error(d)
	}
	if st := r.Stats(); st.DamagedRecords != 1 || st.DamagedBytes != d.Bytes || st.Delivered != 8 {
		t.Errorf("%+v", st)
	}
}

// A folder in which something else lies by a name of the queue's is refused, and so is one that is no folder; what lies
// there by other names is left alone. Nothing is written through a link.
func TestSpillHostileFolder(t *testing.T) {
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	const segment = "00000001-0000000000000001-00000000.spool"
	for name, prepare := range map[string]func(dir string) error{
		"a link for a segment":    func(dir string) error { return os.Symlink(victim, filepath.Join(dir, segment)) },
		"a link for the position": func(dir string) error { return os.Symlink(victim, filepath.Join(dir, "position")) },
		"a link for the lock":     func(dir string) error { return os.Symlink(victim, filepath.Join(dir, "lock")) },
		"a folder for a segment":  func(dir string) error { return os.Mkdir(filepath.Join(dir, segment), 0o700) },
		"a file for the folder":   func(dir string) error { return errors.Join(os.Remove(dir), os.WriteFile(dir, nil, 0o600)) },
		"two first segments": func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, segment), nil, 0o600),
				os.WriteFile(filepath.Join(dir, "00000001-0000000000000001-00000001.spool"), nil, 0o600))
		},
		"a last segment": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "ffffffff-0000000000000001-00000000.spool"), nil, 0o600)
		},
		"a last record": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "00000001-ffffffffffffffff-00000000.spool"), nil, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := prepare(dir); err != nil {
				t.Fatal(err)
			}
			s, err := sink.Spill(sink.Discard(), sink.SpillConfig{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			sup := lifecycle.New(lifecycle.Config{})
			defer sup.Close(context.Background())
			if err := s.Start(t.Context(), sup); err == nil || !strings.Contains(err.Error(), dir) {
				t.Errorf("Start = %v", err)
			}
			if text, _ := os.ReadFile(victim); string(text) != "precious" {
				t.Fatalf("the file behind the link is now %q", text)
			}
		})
	}
	t.Run("a stranger", func(t *testing.T) {
		dir, lines := leaveQueue(t)
		for _, name := range []string{"README", "x.spool", "1-1-1.spool"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r := startSpill(t, &memory{}, sink.SpillConfig{Dir: dir})
		r.drain()
		r.want(lines)
		r.end()
		for _, name := range []string{"README", "x.spool", "1-1-1.spool"} {
			if text, err := os.ReadFile(filepath.Join(dir, name)); string(text) != "mine" {
				t.Errorf("%s is now %q, %v", name, text, err)
			}
		}
	})
	t.Run("no folder above", func(t *testing.T) {
		s, err := sink.Spill(sink.Discard(), sink.SpillConfig{Dir: filepath.Join(t.TempDir(), "a", "b")})
		if err != nil {
			t.Fatal(err)
		}
		sup := lifecycle.New(lifecycle.Config{})
		defer sup.Close(context.Background())
		if err := s.Start(t.Context(), sup); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Start = %v", err)
		}
	})
}

// A folder by a relative name stays the one it was when the process goes elsewhere.
func TestSpillRelativeFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	r := startSpill(t, &memory{}, sink.SpillConfig{Dir: "queue/"})
	t.Chdir(t.TempDir())
	batches, lines := series(1, 3)
	r.write(batches[0])
	r.drain()
	r.want(lines)
}

// Others may not read what the queue holds.
func TestSpillModes(t *testing.T) {
	dir, _ := leaveQueue(t)
	for name, want := range map[string]os.FileMode{dir: 0o700, segments(t, dir)[0]: 0o600, filepath.Join(dir, "position"): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// What is older than MaxAge is dropped and counted, also if an earlier process wrote it.
func TestSpillExpires(t *testing.T) {
	dir, lines := leaveQueue(t)
	r := startSpill(t, &memory{}, sink.SpillConfig{Dir: dir, MaxAge: time.Nanosecond})
	r.drain()
	if st := r.Stats(); st.Expired != int64(len(lines)) || st.Delivered != 0 || len(r.lines()) != 0 {
		t.Errorf("%+v", st)
	}
	r.end()
	dir, lines = leaveQueue(t)
	r = startSpill(t, &memory{}, sink.SpillConfig{Dir: dir, MaxAge: time.Hour})
	r.drain()
	r.want(lines)
}
