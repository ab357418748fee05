package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/logferry/logferry/source/container/containertest"
)

// serve starts an engine and returns where it listens.
func serve(t *testing.T) (e *containertest.Engine, host string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no interrupts on this system")
	}
	path := filepath.Join(t.TempDir(), "engine.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	e = containertest.New(containertest.Config{})
	t.Cleanup(e.Close)
	e.Serve(l)
	return e, "unix://" + path
}

// start starts a container.
func start(t *testing.T, e *containertest.Engine, s containertest.Spec) *containertest.Container {
	t.Helper()
	c := e.Create(s)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

func say(t *testing.T, c *containertest.Container, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if err := c.Print(l); err != nil {
			t.Fatal(err)
		}
	}
}

// A program is the one under test, at work.
type program struct {
	testing.TB
	cmd    *exec.Cmd
	lines  *bufio.Reader // of its standard output
	stderr bytes.Buffer
}

// launch starts it. Its standard output is read here unless it is given.
func launch(t *testing.T, stdout *os.File, env []string, args ...string) *program {
	t.Helper()
	p := &program{TB: t, cmd: exec.CommandContext(t.Context(), os.Args[0], args...)}
	p.cmd.Env = append(os.Environ(), programEnv+"=1", "DOCKER_HOST=", "NO_COLOR=", "TERM=xterm")
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stderr = &p.stderr
	if stdout != nil {
		p.cmd.Stdout = stdout
	} else if pipe, err := p.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	} else {
		p.lines = bufio.NewReader(pipe)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// expect waits for these lines, in any order, and nothing else.
func (p *program) expect(want ...string) {
	p.Helper()
	missing := map[string]bool{}
	for _, w := range want {
		missing[w] = true
	}
	for len(missing) > 0 {
		line, err := p.lines.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		if err != nil || !missing[line] {
			p.Fatalf("printed %q, %v, want one of %v", line, err, missing)
		}
		delete(missing, line)
	}
}

// interrupt ends the program as a user does. It must say nothing more on
// standard output, and be content.
func (p *program) interrupt() {
	p.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.Fatal(err)
	}
	if p.lines != nil {
		if rest, _ := io.ReadAll(p.lines); len(rest) > 0 {
			p.Errorf("it printed as well:\n%s", rest)
		}
	}
	if err := p.cmd.Wait(); err != nil {
		p.Errorf("ended with %v\n%s", err, &p.stderr)
	}
}
