package lokitest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopTimeout is how long a Loki that has been told to stop may take before it is killed; about 2 s is usual.
const stopTimeout = 30 * time.Second

// A process is one run of the binary. Its methods are not safe for concurrent use.
type process struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc // sends SIGTERM, then after stopTimeout SIGKILL
	exit   *os.File           // read end of a pipe whose write end only the child holds
}

// startProcess runs bin over dir and with flags, with its output appended to dir/loki.log.
func startProcess(bin, dir string, flags []string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(dir, logName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	exit, held, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer held.Close()

	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, bin, append([]string{"-config.file=" + filepath.Join(dir, configName)}, flags...)...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = log, log // files: no copying goroutine
	cmd.ExtraFiles = []*os.File{held}
	cmd.SysProcAttr = dieWithParent()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	if err := cmd.Start(); err != nil {
		cancel()
		exit.Close()
		return nil, err
	}
	return &process{cmd: cmd, cancel: cancel, exit: exit}, nil
}

// exited reports whether the process has ended, after waiting up to d for it.
func (p *process) exited(d time.Duration) bool {
	// The read can only time out, or find that the last holder of the write end has gone.
	_ = p.exit.SetReadDeadline(time.Now().Add(d))
	_, err := p.exit.Read(make([]byte, 1))
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// stop sends SIGTERM and waits for the end of the process; an error says that it had to be killed.
func (p *process) stop() error {
	p.cancel()
	err := p.wait()
	if errors.Is(err, exec.ErrWaitDelay) || p.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return fmt.Errorf("lokitest: loki (pid %d) was still running %v after SIGTERM", p.cmd.Process.Pid, stopTimeout)
	}
	return nil
}

// kill sends SIGKILL and waits for the end of the process.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.wait()
	p.cancel()
}

func (p *process) wait() error {
	defer p.exit.Close()
	return p.cmd.Wait()
}
