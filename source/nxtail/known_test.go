//go:build linux

package nxtail_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	nxadm "github.com/nxadm/tail"
	"github.com/nxadm/tail/watch"
)

// Known failures. Each test says what is wrong and fails once it is right, so that
// it is noticed: then doc.go is to be changed, and what this package does about it
// may be left out. TestRotation has another, copytruncate.

// The last line of a file that was renamed lacks its newline, as it does when its
// writer was killed. source/tail delivers it.
func TestKnownFailureLastLine(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.start()
	g.write("whole")
	appendTo(t, g.path, "half")
	g.want("whole")
	g.rename(".1")
	g.write("new")
	g.want("whole", "new")
}

// A file that is truncated, and is longer again before anybody looks, is read on
// from the middle of a line.
func TestKnownFailureRegrown(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.write("one")
	g.start()
	g.want("one")
	overwrite(t, g.path, "other lines than those\n")
	g.want("one", "r lines than those")
}

// overwrite replaces the content of the file so that no stat sees it shorter.
func overwrite(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

// A change is not noticed if the file was empty at the look before and its time is
// the same, which a write has within the system's tick of its creation. This
// package begins to read again when there are lines that do not come.
func TestKnownFailureEmptyFile(t *testing.T) {
	for range 10 { // a poll may come between the write and the change of the time
		path := filepath.Join(t.TempDir(), "app.log")
		appendTo(t, path, "")
		tl, err := nxadm.TailFile(path, nxadm.Config{Follow: true, Poll: true, Logger: nxadm.DiscardingLogger})
		if err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() bool { return watching() == 1 })
		time.Sleep(3 * watch.POLL_DURATION) // it has seen the file
		writeAtOnce(t, path, "a line\n")
		missed := false
		select {
		case <-tl.Lines:
		case <-time.After(4 * watch.POLL_DURATION):
			missed = true
		}
		tl.Stop()
		waitFor(t, func() bool { return watching() == 0 })
		if missed {
			return
		}
	}
	t.Error("known failure: a line is not noticed; now it is")
}

func TestEmptyFile(t *testing.T) {
	g := newRig(t)
	appendTo(t, g.path, "")
	g.start()
	waitFor(t, func() bool { return watching() == 1 })
	time.Sleep(3 * watch.POLL_DURATION)
	writeAtOnce(t, g.path, "a line\n")
	g.want("a line")
}

// writeAtOnce appends and leaves the file's time as it was.
func writeAtOnce(t *testing.T, path, text string) {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, path, text)
	if err := os.Chtimes(path, fi.ModTime(), fi.ModTime()); err != nil {
		t.Fatal(err)
	}
}

// Stop of nxadm/tail does not join the goroutine that polls.
func TestKnownFailureStop(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	appendTo(t, path, "a line\n")
	left := false
	for range 10 { // a machine that is slow enough makes it end in time
		tl, err := nxadm.TailFile(path, nxadm.Config{Follow: true, Poll: true, MustExist: true, Logger: nxadm.DiscardingLogger})
		if err != nil {
			t.Fatal(err)
		}
		<-tl.Lines
		waitFor(t, func() bool { return watching() == 1 })
		tl.Stop()
		left = watching() == 1
		waitFor(t, func() bool { return watching() == 0 })
		if left {
			return
		}
	}
	t.Error("known failure: Stop leaves a goroutine behind; now it does not")
}

// What this package adds: when it says that a source has ended, so it has.
func TestStopWaits(t *testing.T) {
	g := newRig(t)
	g.write("a line")
	g.start()
	g.want("a line")
	waitFor(t, func() bool { return watching() == 1 })
	g.stop()
	if n := watching(); n != 0 {
		t.Errorf("%d goroutines are left behind", n)
	}
	if n := descriptors(t, g.path); n != 0 {
		t.Errorf("%d descriptors are left behind", n)
	}
}

// Nor does a file stay open that was found and not read.
func TestStopClosesWhatWaits(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.start()
	g.rec.Hold()
	g.write("old")
	g.held(1)
	g.rename(".1")
	g.write("new")
	g.opened(g.path, 1)
	g.stop()
	if n := descriptors(t, g.path); n != 0 {
		t.Errorf("%d descriptors are left behind", n)
	}
}

// childEnv names the folder of the child of TestKnownFailureExit.
const childEnv = "NXTAIL_TEST_FOLDER"

// A folder that becomes a file makes nxadm/tail end its process.
func TestKnownFailureExit(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestExitChild$")
	cmd.Env = append(os.Environ(), childEnv+"="+t.TempDir())
	out, err := cmd.CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 1 || !strings.Contains(string(out), "FATAL -- Failed to stat file") {
		t.Errorf("known failure: nxadm/tail ends the process; now it does not: %v\n%s", err, out)
	}
}

func TestExitChild(t *testing.T) {
	folder := os.Getenv(childEnv)
	if folder == "" {
		t.Skip("a part of TestKnownFailureExit")
	}
	folder = filepath.Join(folder, "d")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "app.log")
	appendTo(t, path, "a line\n")
	tl, err := nxadm.TailFile(path, nxadm.Config{Follow: true, Poll: true, Logger: nxadm.DiscardingLogger})
	if err != nil {
		t.Fatal(err)
	}
	<-tl.Lines
	waitFor(t, func() bool { return watching() == 1 })
	replaceFolder(t, folder)
	time.Sleep(20 * watch.POLL_DURATION) // it looks once each
	tl.Stop()
	time.Sleep(2 * watch.POLL_DURATION)
}
