//go:build linux

package tailbench

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// An order is what one process is to do: follow files for as long as its standard input is open, or read one of them
// to its end a number of times.
type order struct {
	Subject string
	Paths   []string
	Pattern string // finds Paths
	Rounds  int    // 0: follow
	Lines   int    // in the file that is read
	Profile string // where to write a CPU profile of what lies between two reports
}

// A report is what a process says of itself.
type report struct {
	Goroutines int
	Lines      int
	CPU        time.Duration
	Mallocs    uint64
	Latencies  []time.Duration // from the stamp of each line that has one
}

// A follower is one of the programs that are compared.
type follower interface {
	// follow begins to follow the files of o, and calls line for each line, possibly at the same time for several. It
	// returns when all files are attended to.
	follow(o order, line func([]byte)) error
	// read calls line for each line of the first file, and returns after o.Lines of them.
	read(o order, line func([]byte)) error
}

// followers are the subjects that are processes of this binary.
var followers = map[string]follower{
	"bare":              bare{},
	"logferry":          logferry{},
	"logferry/nowatch":  logferry{noWatch: true},
	"logferry/pipeline": whole{},
	"nxadm/inotify":     nxadm{},
	"nxadm/poll":        nxadm{poll: true},
	"nxtail":            bridge{},
	"bufio.Scanner":     scanner{},
}

// obey takes an order from the first line of in, carries it out, and answers each further byte with a report.
func obey(in io.Reader, out io.Writer) error {
	asked := bufio.NewReader(in)
	text, err := asked.ReadBytes('\n')
	if err != nil {
		return err
	}
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return err
	}
	f := followers[o.Subject]
	if f == nil {
		return fmt.Errorf("no subject %q", o.Subject)
	}
	var c counter
	if o.Rounds > 0 {
		return o.measure(f, &c, json.NewEncoder(out))
	}
	if err := f.follow(o, c.line); err != nil {
		return err
	}
	answer := json.NewEncoder(out)
	if err := answer.Encode(c.report()); err != nil { // it is ready
		return err
	}
	profile := profiler{path: o.Profile}
	for {
		if _, err := asked.ReadByte(); err == io.EOF {
			return nil
		}
		if err := errors.Join(profile.toggle(), answer.Encode(c.report())); err != nil {
			return err
		}
	}
}

// measure reads the file again and again.
func (o order) measure(f follower, c *counter, answer *json.Encoder) error {
	// Once beforehand: what is made once and kept is not the price of a line.
	if err := f.read(o, c.line); err != nil {
		return err
	}
	before, cpu, lines := mallocs(), cpuTime(), c.report().Lines
	for range o.Rounds {
		if err := f.read(o, c.line); err != nil {
			return err
		}
	}
	r := report{CPU: cpuTime() - cpu, Mallocs: mallocs() - before}
	r.Lines = c.report().Lines - lines
	return answer.Encode(r)
}

// A profiler writes what happens between its first and its second toggle.
type profiler struct {
	path string
	file *os.File
}

func (p *profiler) toggle() (err error) {
	switch {
	case p.path == "":
		return nil
	case p.file == nil:
		if p.file, err = os.Create(p.path); err != nil {
			return err
		}
		return pprof.StartCPUProfile(p.file)
	}
	pprof.StopCPUProfile()
	p.path = ""
	return p.file.Close()
}

// A counter counts lines and notes how old those are that say when they were written.
type counter struct {
	mu     sync.Mutex
	lines  int
	delays []time.Duration
}

// stampMark begins a line that goes on with the time it was written at, in nanoseconds, and a space.
const stampMark = "at "

func (c *counter) line(text []byte) {
	if len(text) < len(stampMark) || string(text[:len(stampMark)]) != stampMark {
		c.mu.Lock()
		c.lines++
		c.mu.Unlock()
		return
	}
	delay, ok := age(string(text), time.Now())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines++
	if ok {
		c.delays = append(c.delays, delay)
	}
}

func (c *counter) report() report {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := report{Goroutines: runtime.NumGoroutine(), Lines: c.lines, Latencies: c.delays}
	c.delays = nil
	return r
}

// age is how long before now a stamped line was written.
func age(line string, now time.Time) (time.Duration, bool) {
	text, _, ok := strings.Cut(strings.TrimPrefix(line, stampMark), " ")
	at, err := strconv.ParseInt(text, 10, 64)
	return time.Duration(now.UnixNano() - at), ok && err == nil
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
