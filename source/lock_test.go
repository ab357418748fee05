package source

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// ckptHelperEnv names the file for the process that TestCheckpointsHelperProcess becomes.
const ckptHelperEnv = "LOGFERRY_TEST_CHECKPOINTS"

// TestCheckpointsHelperProcess is no test but the other process of some: it opens the file and counts a cursor up,
// telling of each Save that is done, until it is killed or its input ends.
func TestCheckpointsHelperProcess(t *testing.T) {
	path := os.Getenv(ckptHelperEnv)
	if path == "" {
		t.Skip("only in a process of its own")
	}
	f, err := NewFileCheckpoints(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fmt.Println("saved 0")
	orders := bufio.NewScanner(os.Stdin)
	for n := 1; orders.Scan(); n++ {
		for ; orders.Text() == "count"; n++ {
			mustSave(t, f, map[string]string{"n": strconv.Itoa(n), "pad": strings.Repeat(strconv.Itoa(n), 500)})
			fmt.Println("saved", n)
		}
	}
}

// ckptHelper is a process that has a checkpoint file open.
type ckptHelper struct {
	cmd    *exec.Cmd
	orders io.WriteCloser
	told   *bufio.Scanner
}

func startCkptHelper(t *testing.T, path string) *ckptHelper {
	t.Helper()
	h := &ckptHelper{cmd: exec.Command(os.Args[0], "-test.run=^TestCheckpointsHelperProcess$")}
	h.cmd.Env = append(os.Environ(), ckptHelperEnv+"="+path)
	h.cmd.Stderr = os.Stderr
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if h.orders, err = h.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.kill() })
	h.told = bufio.NewScanner(out)
	if n := h.saved(t); n != 0 {
		t.Fatalf("it begins with %d", n)
	}
	return h
}

// saved waits for the next Save that the helper tells of.
func (h *ckptHelper) saved(t *testing.T) int {
	t.Helper()
	for h.told.Scan() {
		if number, ok := strings.CutPrefix(h.told.Text(), "saved "); ok {
			n, err := strconv.Atoi(number)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("the helper process ended: %v", h.told.Err())
	return 0
}

// kill ends the process and returns the last Save that it told of.
func (h *ckptHelper) kill() (last int) {
	if h.cmd.ProcessState != nil {
		return 0
	}
	h.cmd.Process.Kill()
	for h.told.Scan() {
		if n, err := strconv.Atoi(strings.TrimPrefix(h.told.Text(), "saved ")); err == nil {
			last = n
		}
	}
	h.cmd.Wait()
	return last
}

func TestCheckpointsLockedByOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cursors")
	h := startCkptHelper(t, path)
	_, err := NewFileCheckpoints(path)
	if !errors.Is(err, ErrCheckpointsLocked) || !strings.Contains(err.Error(), path) {
		t.Fatalf("opened in two processes: %v", err)
	}
	if pid := fmt.Sprint("process ", h.cmd.Process.Pid); !strings.HasSuffix(err.Error(), pid) {
		t.Errorf("the error does not name %s: %v", pid, err)
	}
	h.kill()
	f := mustOpenCheckpoints(t, path, osDisk{}) // the lock has ended with its process
	mustSave(t, f, map[string]string{"a": "1"})
}

func TestCheckpointsLockedByOrderlyOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cursors")
	h := startCkptHelper(t, path)
	h.orders.Close()
	for h.told.Scan() {
	}
	if err := h.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	mustOpenCheckpoints(t, path, osDisk{})
}

func TestCheckpointsLockedBySelf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cursors")
	f := mustOpenCheckpoints(t, path, osDisk{})
	for range 2 {
		_, err := NewFileCheckpoints(path)
		if !errors.Is(err, ErrCheckpointsLocked) || !strings.HasPrefix(err.Error(), ErrCheckpointsLocked.Error()+": "+path) ||
			!strings.HasSuffix(err.Error(), fmt.Sprint("process ", os.Getpid())) {
			t.Fatalf("opened twice: %v", err)
		}
	}
	mustSave(t, f, map[string]string{"a": "1"}) // which the attempts did not disturb
	f.Close()
	wantCursors(t, mustOpenCheckpoints(t, path, osDisk{}), map[string]string{"a": "1"})
}

func TestCheckpointsLockFileUnusable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cursors")
	if err := os.Mkdir(path+lockSuffix, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := NewFileCheckpoints(path); err == nil || errors.Is(err, ErrCheckpointsLocked) || !strings.Contains(err.Error(), path+lockSuffix) {
		t.Errorf("a folder for a lock file: %v", err)
	}
}

func TestCheckpointsLockWithoutHolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not let others write a lock file")
	}
	path := filepath.Join(t.TempDir(), "cursors")
	mustOpenCheckpoints(t, path, osDisk{})
	if err := os.Truncate(path+lockSuffix, 0); err != nil {
		t.Fatal(err)
	}
	_, err := NewFileCheckpoints(path)
	if !errors.Is(err, ErrCheckpointsLocked) || !strings.HasSuffix(err.Error(), path+lockSuffix+" is held") {
		t.Errorf("locked by who knows whom: %v", err)
	}
}

// TestCheckpointsKilled kills a process that saves as fast as it can, at random, and looks what it left.
func TestCheckpointsKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cursors")
	for round := range 8 {
		h := startCkptHelper(t, path)
		if _, err := io.WriteString(h.orders, "count\n"); err != nil {
			t.Fatal(err)
		}
		told := 0
		for told < 20+13*round {
			told = h.saved(t)
		}
		told = max(told, h.kill())
		f := mustOpenCheckpoints(t, path, osDisk{})
		got := cursorsOf(t, f)
		n, err := strconv.Atoi(got["n"])
		if err != nil || f.Recovered() != nil || got["pad"] != strings.Repeat(got["n"], 500) {
			t.Fatalf("killed: %s, %v", describeCursors(got), f.Recovered())
		}
		if n < told || n > told+1 {
			t.Fatalf("killed after Save %d: opens with %d", told, n)
		}
		f.Close()
	}
}
