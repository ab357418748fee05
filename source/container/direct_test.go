package container

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source/record"
)

// TestDirect: what containers write is read once and in order, through rotation
// and restarts of the program, with the labels and attributes of the container.
func TestDirect(t *testing.T) {
	for name, set := range map[string]func(l *jsonLog){
		"no rotation": func(l *jsonLog) {},
		"rotated":     func(l *jsonLog) { l.maxSize, l.maxFile = 50_000, 4 },
		"compressed":  func(l *jsonLog) { l.maxSize, l.maxFile, l.compress = 50_000, 20, true },
	} {
		t.Run(name, func(t *testing.T) {
			b := newFileRig(t, Config{})
			var logs []*jsonLog
			for i := range 3 {
				l := newJSONLog(t, b.root, i)
				set(l)
				logs = append(logs, l)
			}
			for round := range 3 {
				b.start()
				for _, l := range logs {
					b.admit(l)
				}
				for range 5 {
					for _, l := range logs {
						l.lines(150)
					}
					b.await(logs...)
				}
				b.stop()
				for _, l := range logs {
					l.lines(10 + 100*round) // while nobody looks
				}
			}
			b.start()
			for _, l := range logs {
				b.admit(l)
			}
			b.await(logs...)
			b.stop()
			for _, l := range logs {
				e := b.entries(l)[0]
				if got, want := e.Labels, batch.MustLabels("container", l.details().name); got != want {
					t.Errorf("labels %v, want %v", got, want)
				}
				if want := time.Date(2026, 1, 2, 3, 4, 5, 1006, time.UTC); e.Time.Sub(want)%time.Hour != 0 {
					t.Errorf("time %v", e.Time)
				}
			}
			if log := b.log.String(); log != "" {
				t.Errorf("logged: %s", log)
			}
		})
	}
}

// TestDirectLate: the file of a container is there before it is known whose it
// is, rotated and compressed ones too, and after a restart with a cursor. Nothing
// is read of a container that is not admitted.
func TestDirectLate(t *testing.T) {
	b := newFileRig(t, Config{})
	l, other := newJSONLog(t, b.root, 1), newJSONLog(t, b.root, 2)
	l.maxSize, l.maxFile, l.compress = 20_000, 20, true
	l.lines(400)
	other.lines(10)
	b.start()
	b.admit(l)
	b.await(l)
	b.stop()
	l.lines(300)
	b.start()
	l.lines(300)
	b.admit(l)
	b.await(l)
	if got := b.delivered(other); len(got) > 0 {
		t.Errorf("%q was read", got)
	}
	b.admit(other)
	b.await(l, other)
}

// TestDirectRemoved: what was written before the container was removed is read to
// its end, though its labels are known only by what was told, and its cursor is
// dropped.
func TestDirectRemoved(t *testing.T) {
	b := newFileRig(t, Config{})
	l, stays := newJSONLog(t, b.root, 1), newJSONLog(t, b.root, 2)
	b.start()
	b.admit(l)
	b.admit(stays)
	stays.lines(1)
	l.lines(100)
	b.await(l, stays)
	b.receiver.SetRoom(1)
	b.receiver.Hold()
	stays.lines(1)
	l.lines(100)
	l.remove()
	b.direct.gone(l.id)
	ids := map[string]struct{}{stays.id: {}}
	for range absences {
		b.direct.sync(ids)
	}
	b.receiver.SetRoom(0)
	b.receiver.Release()
	b.await(l, stays)
	ctx, cancel := context.WithTimeout(t.Context(), longEnough)
	defer cancel()
	for left := []string(nil); len(left) != 1 || !strings.Contains(left[0], stays.id); {
		if ctx.Err() != nil {
			t.Fatalf("cursors of %q are left", left)
		}
		if err := b.session.Save(); err != nil {
			t.Fatal(err)
		}
		left = nil
		for name := range b.points.All(ctx) {
			left = append(left, name)
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, e := range b.entries(l) {
		if e.Labels.Get("container") != l.details().name {
			t.Fatalf("labels %v", e.Labels)
		}
	}
	if n := len(b.direct.known); n != 1 {
		t.Errorf("%d containers are known, want 1", n)
	}
}

// TestDirectOutputs: one output alone is read.
func TestDirectOutputs(t *testing.T) {
	for outputs, want := range map[Outputs]string{Stdout: "stdout", Stderr: "stderr"} {
		b := newFileRig(t, Config{Outputs: outputs})
		l := newJSONLog(t, b.root, 1)
		l.lines(1000)
		l.want = slices.DeleteFunc(l.want, func(s string) bool { return !strings.HasPrefix(s, want) })
		b.start()
		b.admit(l)
		b.await(l)
	}
}

// TestDirectEntries: MaxLine and Multiline hold.
func TestDirectEntries(t *testing.T) {
	b := newFileRig(t, Config{MaxLine: 20_000, Multiline: record.Multiline{Rule: record.Traces()}})
	l := newJSONLog(t, b.root, 1)
	l.line("stdout", strings.Repeat("x", 50_000))
	l.line("stdout", "panic: no such drawer")
	l.line("stderr", "between")
	l.line("stdout", "")
	l.line("stdout", "goroutine 1 [running]:")
	l.line("stdout", "after")
	l.want = []string{"stdout " + strings.Repeat("x", 20_000), "stderr between",
		"stdout panic: no such drawer\n\ngoroutine 1 [running]:", "stdout after"}
	b.start()
	b.admit(l)
	b.await(l)
	if e := b.entries(l)[0]; attr(&e, attrTruncated) != "true" {
		t.Errorf("attributes %v", e.Attrs)
	}
}

// TestDirectFromEnd: containers that are there at first are read from their end,
// others from their start.
func TestDirectFromEnd(t *testing.T) {
	b := newFileRig(t, Config{From: End})
	old := newJSONLog(t, b.root, 1)
	old.maxSize, old.maxFile = 10_000, 3
	old.lines(500)
	old.want = nil
	b.start()
	first := newJSONLog(t, b.root, 3)
	b.admit(first)
	until(t, "the first look to be over", func() bool { return len(b.direct.tail.Stats()) == 1 })
	fresh := newJSONLog(t, b.root, 2)
	fresh.lines(50)
	b.admit(fresh)
	b.await(fresh)
	b.admit(old)
	old.line("stdout", "new")
	b.await(old, fresh)
}

// TestDirectRenamed: the entries that follow tell the new name.
func TestDirectRenamed(t *testing.T) {
	b := newFileRig(t, Config{})
	l := newJSONLog(t, b.root, 1)
	b.start()
	b.admit(l)
	l.lines(1)
	b.await(l)
	d := l.details()
	d.name = "another"
	w, _ := b.register.identify(b.plan, &d.summary)
	b.direct.admit(d, w, slog.New(slog.DiscardHandler))
	for range 100 {
		l.lines(1)
		b.await(l)
		all := b.entries(l)
		if all[len(all)-1].Labels.Get("container") == "another" {
			return
		}
	}
	t.Errorf("labels %v", b.entries(l)[100].Labels)
}

// TestDirectRefuses: what is not where the driver has it is not read directly.
func TestDirectRefuses(t *testing.T) {
	b := newFileRig(t, Config{})
	b.start()
	l := newJSONLog(t, b.root, 1)
	for name, change := range map[string]func(d *details){
		"another driver":    func(d *details) { d.driver = "local" },
		"not started":       func(d *details) { d.logPath = "" },
		"in another folder": func(d *details) { d.logPath = "/run/" + d.id + jsonSuffix },
		"another file":      func(d *details) { d.logPath = "/run/" + d.id + "/ctr.log" },
		"no id":             func(d *details) { d.id, d.logPath = "..", "/x/../..-json.log" },
	} {
		d := l.details()
		change(d)
		if b.direct.admit(d, who{}, slog.New(slog.DiscardHandler)) {
			t.Errorf("%s: admitted", name)
		}
	}
	d := l.details()
	d.logPath = `C:\ProgramData\docker\containers\` + l.id + `\` + l.id + jsonSuffix
	if !b.direct.admit(d, who{}, slog.New(slog.DiscardHandler)) {
		t.Error("a path of Windows was not admitted")
	}
}

// TestDirectUnreadable: one line tells of a file that cannot be opened, with the
// name of the container, and one that it can be after all; it is read then.
func TestDirectUnreadable(t *testing.T) {
	b := newFileRig(t, Config{})
	l := newJSONLog(t, b.root, 1)
	l.lines(10)
	hidden := l.path + ".hidden"
	if err := os.Rename(l.path, hidden); err != nil {
		t.Fatal(err)
	}
	b.start()
	b.admit(l)
	if log := b.log.String(); log != "" {
		t.Errorf("told too early: %s", log)
	}
	ids := map[string]struct{}{l.id: {}}
	for range 3 {
		b.direct.sync(ids)
	}
	log := b.log.String()
	if strings.Count(log, "level=WARN") != 1 || !strings.Contains(log, l.details().name) || !strings.Contains(log, l.path) {
		t.Errorf("logged: %s", log)
	}
	if err := os.Rename(hidden, l.path); err != nil {
		t.Fatal(err)
	}
	b.direct.sync(ids)
	b.direct.sync(ids)
	b.await(l)
	if log := b.log.String(); strings.Count(log, "\n") != 2 || strings.Count(log, "level=INFO") != 1 {
		t.Errorf("logged: %s", log)
	}
}

// TestDirectForbidden: the same for one that may not be read. It is told of at
// once, and not by the reader as well.
func TestDirectForbidden(t *testing.T) {
	b := newFileRig(t, Config{})
	l := newJSONLog(t, b.root, 1)
	l.lines(10)
	b.start()
	b.admit(l)
	b.await(l)
	d := b.direct
	d.mu.Lock()
	tell := d.known[l.id].opened(l.path, errors.New("permission denied"), true)
	d.mu.Unlock()
	tell()
	if log := b.log.String(); strings.Count(log, "permission denied") != 1 {
		t.Errorf("logged: %s", log)
	}
	if d.accept(l.path) {
		t.Error("accepted")
	}
	d.sync(map[string]struct{}{l.id: {}})
	if !d.accept(l.path) {
		t.Error("not accepted")
	}
}

// TestNewDirectRefuses: Direct must be a folder, if it is there.
func TestNewDirectRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := newDirect(&plan{Config: Config{Direct: file}}); err == nil {
		t.Error("a file was taken for a folder")
	}
	for _, name := range []string{"missing", "a*b[c{d\\e?"} {
		if runtime.GOOS == "windows" && name != "missing" {
			continue
		}
		b := newFileRig(t, Config{Direct: filepath.Join(dir, name)})
		b.start()
		l := newJSONLog(t, b.root, 1)
		l.lines(3)
		b.admit(l)
		b.await(l)
		b.stop()
	}
}
