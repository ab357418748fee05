//go:build linux

package tail

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// openBelow counts the descriptors of this process for files below dir.
func openBelow(t *testing.T, dir string) (n int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, dir+"/") {
			n++
		}
	}
	return n
}

// lowerLimit sets the limit on descriptors to what is open and a few more.
func lowerLimit(t *testing.T, more int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	low := old
	low.Cur = uint64(len(fds) + more)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old) })
}

func writeMany(t *testing.T, dir string, n int) {
	t.Helper()
	for i := range n {
		write(t, filepath.Join(dir, fmt.Sprintf("%03d.log", i)), fmt.Sprintf("line of file %d\n", i))
	}
}

// TestMaxOpenHolds: at no time more than MaxOpen files are open, not while they
// are found, nor while they wait, nor when all is read.
func TestMaxOpenHolds(t *testing.T) {
	for _, prefix := range []string{"", "a header that all files begin with\n"} {
		dir := t.TempDir()
		const files, most = 150, 10
		sink := newSinkhole()
		r := start(t, quick(Config{Paths: []string{dir + "/*.log"}, MaxOpen: most}), sink, nil)
		if prefix != "" {
			for i := range files {
				write(t, filepath.Join(dir, fmt.Sprintf("%03d.log", i)), prefix)
			}
		}
		writeMany(t, dir, files)
		lines := files
		if prefix != "" {
			lines *= 2
		}
		peak := 0
		wait(t, "all lines", func() bool {
			peak = max(peak, openBelow(t, dir))
			return sink.count() >= lines
		})
		peak = max(peak, openBelow(t, dir))
		if most := most + r.src.plan.Readers + 3; peak > most {
			t.Errorf("%d files were open, want %d at most", peak, most)
		}
		if n := sink.count(); n != lines {
			t.Errorf("%d lines, want %d", n, lines)
		}
		r.stop()
	}
}

// TestFewDescriptors: far more files than the process has descriptors for are
// read all the same, whatever MaxOpen says.
func TestFewDescriptors(t *testing.T) {
	for _, once := range []bool{false, true} {
		dir := t.TempDir()
		writeMany(t, dir, 300)
		lowerLimit(t, 40)
		sink := newSinkhole()
		r := start(t, quick(Config{Paths: []string{dir + "/*.log"}, Once: once, MaxOpen: 512}), sink, nil)
		wait(t, "all lines", func() bool { return sink.count() >= 300 })
		r.stop()
		if n := sink.count(); n != 300 {
			t.Errorf("%d lines, want 300", n)
		}
	}
}

// TestNoDescriptors: a program that has taken all descriptors gets its lines
// when it gives some back, and nothing is reported as lost or unreadable.
func TestNoDescriptors(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(t.TempDir(), "other")
	writeMany(t, dir, 20)
	write(t, other, "")
	for _, once := range []bool{false, true} {
		lowerLimit(t, 60)
		sink := newSinkhole()
		src, err := New(quick(Config{Paths: []string{dir + "/*.log"}, Once: once, NoWatch: true}))
		if err != nil {
			t.Fatal(err)
		}
		var taken []*os.File
		for {
			f, err := os.Open(other)
			if err != nil {
				break
			}
			taken = append(taken, f)
		}
		r := startSource(t, src, sink, nil)
		wait(t, "a warning", func() bool { return strings.Contains(r.log.String(), "no file descriptors left") })
		time.Sleep(50 * time.Millisecond) // a few attempts
		for _, f := range taken {
			f.Close()
		}
		wait(t, "all lines", func() bool { return sink.count() >= 20 })
		if log := r.log.String(); strings.Contains(log, "cannot read") || strings.Contains(log, "lost") {
			t.Errorf("log:\n%s", log)
		}
		r.stop()
	}
}

// TestDefaultMaxOpen: the default leaves descriptors to the rest of the program.
func TestDefaultMaxOpen(t *testing.T) {
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old) })
	for _, c := range []struct{ limit, want uint64 }{{1024, 256}, {4096, 512}} {
		low := old
		if low.Cur = c.limit; low.Cur > low.Max {
			continue
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
			t.Fatal(err)
		}
		p, err := prepare(Config{Paths: []string{filepath.Join(t.TempDir(), "f")}})
		if err != nil {
			t.Fatal(err)
		}
		if p.MaxOpen != int(c.want) {
			t.Errorf("limit %d: MaxOpen %d, want %d", c.limit, p.MaxOpen, c.want)
		}
	}
}
