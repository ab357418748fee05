package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// A process is a subject at work.
type process struct {
	cmd *exec.Cmd
	ask io.WriteCloser
	say *json.Decoder
}

// launch starts a subject and returns when it follows.
func launch(o order) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self)}
	p.cmd.Env = append(os.Environ(), subjectVar+"=1")
	p.cmd.Stderr = os.Stderr
	if p.ask, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.say = json.NewDecoder(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	var begun string
	if err := errors.Join(json.NewEncoder(p.ask).Encode(o), p.say.Decode(&begun)); err != nil {
		p.end()
		return nil, fmt.Errorf("the subject does not begin: %w", err)
	}
	return p, nil
}

// close tells the subject to close and returns its report.
func (p *process) close() (r report, err error) {
	if _, err := io.WriteString(p.ask, "\n"); err != nil {
		return r, err
	}
	return r, p.say.Decode(&r)
}

// end ends the process, whatever it does.
func (p *process) end() {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.cmd.Wait()         // and was killed otherwise
}
