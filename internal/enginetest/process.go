package enginetest

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// tick is the unit of times in /proc, which is the same on all processors that Go runs on.
const tick = time.Second / 100

// Pid returns the id of the engine's process.
func (e *Engine) Pid(t testing.TB) int {
	t.Helper()
	e.turn.Lock()
	defer e.turn.Unlock()
	if !e.answers() {
		t.Fatalf("enginetest: engine %s is stopped", e.version)
	}
	return e.pid
}

// CPU returns the time that the engine's process has used of all processors, to a hundredth of a second, and those before
// it if it was restarted. Its containerd, the shims and the containers are not in it.
func (e *Engine) CPU(t testing.TB) time.Duration {
	t.Helper()
	e.turn.Lock()
	defer e.turn.Unlock()
	if !e.answers() {
		return e.cpu
	}
	used, err := cpu(e.pid)
	if err != nil {
		t.Fatalf("enginetest: engine %s: %v", e.version, err)
	}
	return e.cpu + used
}

// cpu returns the processor time of a process, and an error if it has ended.
func cpu(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// proc(5): the name is in parentheses and may contain any character. What follows is the state, which is Z for what has
	// ended and is not waited for yet, the 3rd field; utime and stime are the 14th and 15th.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 || fields[0][0] == 'Z' {
		return 0, fmt.Errorf("process %d has ended: %q", pid, stat)
	}
	var total time.Duration
	for _, field := range fields[11:13] {
		ticks, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("process %d: %w", pid, err)
		}
		total += time.Duration(ticks) * tick
	}
	return total, nil
}
