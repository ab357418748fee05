//go:build linux

package tailbench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A process is a subject at work.
type process struct {
	tb     testing.TB
	cmd    *exec.Cmd
	ask    io.WriteCloser
	answer *json.Decoder
	heard  counter       // what tail -F said
	ended  chan struct{} // tail -F says no more
}

// launch starts a subject, which ends with the test at the latest.
func launch(tb testing.TB, o order) *process {
	tb.Helper()
	if o.Subject == tailF {
		return launchTail(tb, o)
	}
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	p := &process{tb: tb, cmd: exec.Command(self)}
	p.cmd.Env = append(os.Environ(), subjectVar+"=1")
	p.cmd.Stderr = os.Stderr
	if p.ask, err = p.cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	stdout := p.start()
	p.answer = json.NewDecoder(stdout)
	if err := json.NewEncoder(p.ask).Encode(o); err != nil {
		tb.Fatal(err)
	}
	return p
}

const tailF = "tail -F"

// launchTail starts the tail of the system, which says nothing when it is ready.
func launchTail(tb testing.TB, o order) *process {
	p := &process{tb: tb, cmd: exec.Command("tail", append([]string{"-n", "0", "-q", "-F"}, o.Paths...)...), ended: make(chan struct{})}
	stdout := p.start()
	go func() {
		defer close(p.ended)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			p.heard.line(s.Bytes())
		}
	}()
	return p
}

func (p *process) start() io.Reader {
	p.tb.Helper()
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		p.tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.tb.Fatal(err)
	}
	p.tb.Cleanup(p.stop)
	return stdout
}

func (p *process) stop() {
	p.cmd.Process.Kill()
	if p.ended != nil {
		<-p.ended
	}
	p.cmd.Wait()
}

// hear returns the next report of a process of this binary.
func (p *process) hear() (r report) {
	p.tb.Helper()
	if p.answer == nil {
		return p.heard.report()
	}
	if err := p.answer.Decode(&r); err != nil {
		p.tb.Fatal("the subject ended: ", err)
	}
	return r
}

// report asks for a report.
func (p *process) report() report {
	p.tb.Helper()
	if p.ask != nil {
		if _, err := io.WriteString(p.ask, "\n"); err != nil {
			p.tb.Fatal(err)
		}
	}
	return p.hear()
}

// proc is a path of the process in /proc.
func (p *process) proc(name string) string {
	return fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, name)
}

// cpu is the time its threads have run, which is told to the nanosecond. The kernel's sum for the process counts in
// hundredths of a second.
func (p *process) cpu() (sum time.Duration) {
	p.tb.Helper()
	tasks, err := os.ReadDir(p.proc("task"))
	if err != nil {
		p.tb.Fatal(err)
	}
	for _, t := range tasks {
		data, err := os.ReadFile(p.proc("task/" + t.Name() + "/schedstat"))
		if err != nil {
			continue // the thread has ended
		}
		text, _, _ := strings.Cut(string(data), " ")
		ns, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			p.tb.Fatal(err)
		}
		sum += time.Duration(ns)
	}
	return sum
}

// resident is the memory it occupies, in bytes.
func (p *process) resident() int64 {
	p.tb.Helper()
	data, err := os.ReadFile(p.proc("status"))
	if err != nil {
		p.tb.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); f[0] == "VmRSS:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				p.tb.Fatal(err)
			}
			return kib << 10
		}
	}
	p.tb.Fatal("no VmRSS")
	return 0
}

func (p *process) descriptors() int {
	p.tb.Helper()
	fds, err := os.ReadDir(p.proc("fd"))
	if err != nil {
		p.tb.Fatal(err)
	}
	return len(fds)
}
