package main

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/source"
)

// build compiles the program under test.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "collect")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

const lineLen = 100

// writeNumbered writes a file of numbered lines of equal length.
func writeNumbered(t *testing.T, path string, lines int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	for n := range lines {
		fmt.Fprintf(w, "%08d %-*s\n", n, lineLen-10, "level=info msg=\"one of many\" status=200")
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

// savedLine returns the number of the first line beyond the saved cursor.
func savedLine(t *testing.T, state string) int {
	t.Helper()
	cp, err := source.NewFileCheckpoints(state)
	if err != nil {
		t.Fatal(err)
	}
	defer cp.Close()
	for _, cursor := range cp.All(t.Context()) {
		// The seventh field of a cursor of source/tail is the offset.
		offset, err := strconv.ParseInt(strings.Fields(cursor)[6], 16, 64)
		if err != nil || offset%lineLen != 0 {
			t.Fatalf("offset in %q: %v", cursor, err)
		}
		return int(offset / lineLen)
	}
	return 0
}

// TestKilledDuringADrain kills the program again and again while it drains a
// file. Nothing may be missing, and what comes twice may be no more than what
// had been delivered beyond the saved cursor at each kill.
func TestKilledDuringADrain(t *testing.T) {
	lines, kills := 1_000_000, 20
	if testing.Short() {
		lines, kills = 100_000, 3
	}
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	log, state := filepath.Join(dir, "numbers.log"), filepath.Join(dir, "state")
	writeNumbered(t, log, lines)
	bin := build(t)
	url := startTally(t, 100*time.Millisecond)
	args := []string{"-once", "-loki", url, "-label", "job=kill", "-state", state, log}

	beyond, died := 0, 0
	for died < kills {
		cmd := exec.Command(bin, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			t.Fatalf("the drain ended (%v) after %d of %d kills: it must take longer", err, died, kills)
		case <-time.After(time.Duration(rnd.IntN(500)) * time.Millisecond):
		}
		cmd.Process.Kill()
		<-ended
		died++
		beyond += askTally(t, url, savedLine(t, state)).Beyond
	}
	var stderr bytes.Buffer
	cmd := exec.Command(bin, args...)
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("the last run: %v\n%s", err, &stderr)
	}
	rep := askTally(t, url, 0)
	twice := rep.Total - rep.Distinct
	t.Logf("seed %d: %d lines, %d kills: %d lost, %d delivered twice, %d lay beyond the saved cursors",
		seed, lines, kills, lines-rep.Distinct, twice, beyond)
	if rep.Distinct != lines {
		t.Errorf("%d lines lost", lines-rep.Distinct)
	}
	if twice > beyond {
		t.Errorf("%d lines twice, more than the %d beyond the saved cursors", twice, beyond)
	}
}
