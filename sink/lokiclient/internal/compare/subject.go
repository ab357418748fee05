package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"time"
)

// subjectVar makes the program a subject, which reads an order from its standard input.
const subjectVar = "COMPARE_SUBJECT"

// An order says what a subject has to do.
type order struct {
	Subject  string
	Paths    []string
	URL      string
	Patience time.Duration // for Close
}

// A report is what a subject says of itself when it is told to close.
type report struct {
	CPU        time.Duration // of the process, from the start of the subject to the order to close
	Allocs     uint64
	Close      time.Duration // how long it took, or has taken when patience was over
	Closed     bool
	Goroutines int // left after Close
}

// subjects are what is compared. Each starts to follow, and returns what closes it within a time, if it keeps to that.
var subjects = []struct {
	name  string
	start func(order) (stop func(within time.Duration), err error)
}{
	{"nxadm/tail + loki-client-go", startArchived},
	{"source/tail + sink/loki", startLogferry},
}

// subject is the process of one: it says that it has begun, and reports when it is told to close, with a line each.
func subject() int {
	in := bufio.NewReader(os.Stdin)
	if err := obey(in); err != nil {
		fmt.Fprintln(os.Stderr, "compare: subject:", err)
		return 1
	}
	return 0
}

func obey(in *bufio.Reader) error {
	text, err := in.ReadBytes('\n')
	if err != nil {
		return err
	}
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return err
	}
	before := runtime.NumGoroutine()
	cpu, allocs := used()
	stop, err := begin(o)
	if err != nil {
		return err
	}
	fmt.Println(`"begun"`)
	if _, err := in.ReadBytes('\n'); err != nil {
		return err
	}
	var r report
	nowCPU, nowAllocs := used()
	r.CPU, r.Allocs = nowCPU-cpu, nowAllocs-allocs
	r.closing(stop, o.Patience)
	r.Goroutines = runtime.NumGoroutine() - before
	return json.NewEncoder(os.Stdout).Encode(r)
}

func begin(o order) (func(time.Duration), error) {
	for _, s := range subjects {
		if s.name == o.Subject {
			return s.start(o)
		}
	}
	return nil, fmt.Errorf("there is no %q", o.Subject)
}

// within is what a subject is told that its Close may take.
const within = 5 * time.Second

// closing closes the subject and gives what it started a second to be gone.
func (r *report) closing(stop func(time.Duration), patience time.Duration) {
	start := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		stop(within)
	}()
	select {
	case <-done:
		r.Closed = true
	case <-time.After(patience):
	}
	r.Close = time.Since(start)
	if r.Closed {
		time.Sleep(time.Second)
	}
}
