package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/record"
	"github.com/logferry/logferry/source/tail"
)

// jobEnv makes the test binary the program that is killed rather than a test. It holds a job.
const jobEnv = "LOGFERRY_TORTURE_JOB"

// A job is what the child is told.
type job struct {
	Paths []string
	State string // the checkpoint file
	Out   string // where lines go
	// Joined makes entries of several lines: those up to the next whose number ends in 0.
	Joined bool
}

// rotateWait is long enough for whatever lingers, and short enough for files to be forgotten while the child lives.
const rotateWait = 600 * time.Millisecond

// beChild follows files until its standard input ends, and returns its exit code.
func beChild() int {
	var j job
	err := json.Unmarshal([]byte(os.Getenv(jobEnv)), &j)
	if err == nil {
		err = j.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (j job) run() (err error) {
	cursors, err := source.NewFileCheckpoints(j.State)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cursors.Close()) }()
	out, err := os.OpenFile(j.Out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	cfg := tail.Config{Paths: j.Paths, RotateWait: rotateWait}
	if j.Joined {
		cfg.Multiline = tail.Multiline{Rule: record.Start(regexp.MustCompile(`^\d{9}0 `)), Timeout: 50 * time.Millisecond}
	}
	files, err := tail.New(cfg)
	if err != nil {
		return err
	}
	p, err := pipeline.New(pipeline.Config{
		Sources:     map[string]source.Source{"files": files},
		Routes:      []pipeline.Route{{Sink: sink.Writer(out)}},
		Checkpoints: cursors,
		Logger:      slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return p.Run(ctx)
}

// A child is a running one.
type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	out   string
	read  int64 // bytes of out that were taken
	ended bool
}

// startChild starts one, which appends what it logs to log and ends with the test.
func startChild(t *testing.T, j job, log *os.File) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), jobEnv+"="+string(text))
	cmd.Stderr = log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: cmd, stdin: stdin, out: j.Out}
	t.Cleanup(c.kill)
	return c
}

// kill is SIGKILL where there are signals.
func (c *child) kill() {
	if c.ended {
		return
	}
	c.ended = true
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait() // that it was killed is an error
	_ = c.stdin.Close()
}

// stop ends it as a shutdown does.
func (c *child) stop() {
	c.t.Helper()
	c.ended = true
	_ = c.stdin.Close()
	deadline := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() })
	defer deadline.Stop()
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("at its shutdown: %v", err)
	}
}

// lines calls use for each whole line that was delivered since the last call. A line that was cut short by a kill was not.
func (c *child) lines(use func(line []byte)) {
	c.t.Helper()
	f, err := os.Open(c.out)
	if errors.Is(err, os.ErrNotExist) {
		return // it was killed before it made one
	}
	if err != nil {
		c.t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, c.read, 1<<40))
	if err != nil {
		c.t.Fatal(err)
	}
	for {
		n := bytes.IndexByte(data, '\n')
		if n < 0 {
			return
		}
		use(data[:n])
		data = data[n+1:]
		c.read += int64(n + 1)
	}
}
