package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestStdin: "-" reads standard input to its end, and an interrupt does not wait for
// more of it.
func TestStdin(t *testing.T) {
	bin := build(t)
	t.Run("to its end", func(t *testing.T) {
		cmd := exec.Command(bin, "-")
		cmd.Stdin = strings.NewReader("one\ntwo")
		out, err := cmd.Output()
		if lines := strings.Split(strings.TrimSpace(string(out)), "\n"); err != nil || len(lines) != 2 || !strings.HasSuffix(lines[1], "- | two") {
			t.Errorf("%v, %q", err, out)
		}
	})
	t.Run("joined", func(t *testing.T) {
		out, err := exec.Command(bin, "-join", "traces", "-").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "-join are for files") {
			t.Errorf("%v, %q", err, out)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		if _, err := os.Stat("/proc/self/fd/0"); err != nil {
			t.Skip("standard input cannot be opened anew:", err)
		}
		cmd := exec.Command(bin, "-label", "job=pipe", "-")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		io.WriteString(in, "one\nhalf")
		first := make([]byte, 200)
		n, err := io.ReadAtLeast(out, first, len("00:00:00.000 - pipe | one\n"))
		if err != nil {
			t.Error(err)
		}
		told := time.Now()
		cmd.Process.Signal(os.Interrupt)
		rest, _ := io.ReadAll(out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, &stderr)
		}
		if all := string(first[:n]) + string(rest); !strings.HasSuffix(all, "- pipe | half\n") {
			t.Errorf("got %q", all)
		}
		if took := time.Since(told); took > 9*time.Second {
			t.Errorf("it took %v", took) // after 10 s Close gives up
		}
	})
}
