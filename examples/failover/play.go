package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/logferry/logferry/lifecycle"
)

// A service is the process that logs, and what it last said.
type service struct {
	process *os.Process
	said    *lifecycle.Handle // the reading of its output

	mu     sync.Mutex
	safe   int
	queued int
	status string
}

// startService starts this program as a service.
func startService(tasks *lifecycle.Supervisor, url, dir string, first int) (*service, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	in, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	args := []string{program, "-loki", url, "-dir", dir, "-first", strconv.Itoa(first)}
	process, err := os.StartProcess(program, args, &os.ProcAttr{Files: []*os.File{nil, out, os.Stderr}})
	out.Close()
	if err != nil {
		in.Close()
		return nil, err
	}
	s := &service{process: process, safe: first}
	s.said = tasks.Go("service", func(context.Context) error {
		defer in.Close()
		s.listen(in)
		return nil
	})
	return s, nil
}

// listen takes in what the service says, until it ends.
func (s *service) listen(r io.Reader) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		s.mu.Lock()
		fmt.Sscanf(lines.Text(), "safe=%d queued=%d", &s.safe, &s.queued)
		s.status = lines.Text()
		s.mu.Unlock()
	}
}

// last returns what it said last.
func (s *service) last() (safe, queued int, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.safe, s.queued, s.status
}

// end ends the process, at once or in good order, and waits for it.
func (s *service) end(atOnce bool) error {
	if atOnce || s.process.Signal(os.Interrupt) != nil {
		if err := s.process.Kill(); err != nil {
			return err
		}
	}
	state, err := s.process.Wait()
	<-s.said.Done()
	if err == nil && !atOnce && !state.Success() {
		err = fmt.Errorf("the service: %v", state)
	}
	return err
}

// play is the whole play. It returns an error if a line is lost.
func play(ctx context.Context, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	folder, err := os.MkdirTemp("", "logferry-failover-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	tasks := lifecycle.New(lifecycle.Config{Name: "failover"})
	defer func() { err = errors.Join(err, tasks.Close(context.WithoutCancel(ctx))) }()
	loki, err := startLoki(tasks)
	if err != nil {
		return err
	}
	defer loki.stop()
	p := &scene{out: out, tasks: tasks, loki: loki, dir: filepath.Join(folder, "queue")}
	defer func() { // whatever went wrong, no process is left
		if p.service != nil {
			err = errors.Join(err, p.service.end(true))
		}
	}()
	return p.acts(ctx)
}

// A scene is who plays.
type scene struct {
	out     io.Writer
	tasks   *lifecycle.Supervisor
	loki    *fakeLoki
	dir     string
	service *service // nil: none runs
}

func (p *scene) say(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

// raise starts a service that logs from the line first on.
func (p *scene) raise(first int) (err error) {
	p.service, err = startService(p.tasks, p.loki.url, p.dir, first)
	return err
}

// bury ends the service, and returns up to which line it had said that all is safe.
func (p *scene) bury(atOnce bool) (safe int, err error) {
	s := p.service
	p.service = nil
	err = s.end(atOnce)
	safe, _, _ = s.last()
	return safe, err
}

// acts goes through the acts.
func (p *scene) acts(ctx context.Context) error {
	if err := p.raise(0); err != nil {
		return err
	}
	stored := func(more int) func() bool {
		before, _, _ := p.loki.account(0)
		return func() bool { n, _, _ := p.loki.account(0); return n >= before+more }
	}
	p.say("1. Loki is up, and a service logs 100 lines a second through sink.Spill")
	if err := wait(ctx, stored(100)); err != nil {
		return err
	}
	p.loki.take(true)
	n, _, _ := p.loki.account(0)
	p.say("2. Loki goes down; it has %d lines. The service goes on, and its lines go to %s", n, p.dir)
	if err := wait(ctx, func() bool { _, queued, _ := p.service.last(); return queued >= 200 }); err != nil {
		return err
	}
	_, _, status := p.service.last()
	p.say("   the service says: %s", status)
	safe, err := p.bury(true)
	if err != nil {
		return err
	}
	_, missing, _ := p.loki.account(safe)
	p.say("3. kill -9 of the service: %d lines are safe, %d of them on the disk alone", safe, missing)
	p.loki.take(false)
	if err := p.raise(safe + 1000); err != nil { // beyond what the first had logged and not called safe
		return err
	}
	p.say("4. Loki is up again, the service too, and the queue is replayed")
	if err := wait(ctx, func() bool { _, missing, _ := p.loki.account(safe); return missing == 0 }); err != nil {
		_, missing, _ := p.loki.account(safe)
		return fmt.Errorf("%d of %d lines are missing: %w", missing, safe, err)
	}
	if err := wait(ctx, stored(100)); err != nil {
		return err
	}
	if _, err := p.bury(false); err != nil {
		return err
	}
	n, missing, again := p.loki.account(safe)
	p.say("5. Loki has %d lines: %d lost of the %d that were safe, %d came twice", n, missing, safe, again)
	return nil
}
