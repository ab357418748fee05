package enginetest

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

//go:embed keeper.sh
var keeperScript string

//go:embed engine.sh
var engineScript string

// endTimeout is how long a keeper may take to end all that there is and to remove the folder; some 50 ms are usual.
const endTimeout = time.Minute

// A keeper is the process that an engine lives and dies with. Its methods are not safe for concurrent use.
type keeper struct {
	cmd     *exec.Cmd
	asks    *os.File // commands; its end is the keeper's
	answers *os.File
	lines   *bufio.Reader // of answers
}

// keep starts a keeper over a folder. What it and the engine print is appended to log.
func keep(bin, dir, log string) (*keeper, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	stdin, asks, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	answers, stdout, err := os.Pipe()
	if err != nil {
		asks.Close()
		return nil, err
	}
	defer stdout.Close()

	cmd := exec.Command("/bin/sh", "-c", keeperScript, "keeper", bin, dir, filepath.Base(dir), engineScript)
	cmd.Dir = "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, out // files: no copying goroutine
	cmd.SysProcAttr = detached()
	if err := cmd.Start(); err != nil {
		asks.Close()
		answers.Close()
		return nil, err
	}
	return &keeper{cmd: cmd, asks: asks, answers: answers, lines: bufio.NewReader(answers)}, nil
}

// ask gives a command and returns the number it is answered with.
func (k *keeper) ask(word string, timeout time.Duration) (int, error) {
	if _, err := fmt.Fprintln(k.asks, word); err != nil {
		return 0, err
	}
	if err := k.answers.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return 0, err
	}
	answer, err := k.lines.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("%s: %w", word, err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(answer))
	if err != nil {
		return 0, fmt.Errorf("%s: answered with %q", word, answer)
	}
	return n, nil
}

// end ends all that the keeper has started, and returns when its folder is gone.
func (k *keeper) end() error {
	k.asks.Close()
	defer k.answers.Close()
	// The end of what it prints is the end of the last process that could.
	err := k.answers.SetReadDeadline(time.Now().Add(endTimeout))
	if err == nil {
		_, err = io.Copy(io.Discard, k.answers)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the keeper of an engine, process %d, is there after %v", k.cmd.Process.Pid, endTimeout)
	}
	return errors.Join(err, k.cmd.Wait())
}
