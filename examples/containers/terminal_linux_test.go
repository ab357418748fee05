package main

import (
	"bufio"
	"fmt"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"github.com/logferry/logferry/source/container/containertest"
)

// terminal returns both ends of a pseudo-terminal (man 4 ptmx).
func terminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { ours.Close() })
	var unlock, n uint32
	ioctl(t, ours, syscall.TIOCSPTLCK, &unlock)
	ioctl(t, ours, syscall.TIOCGPTN, &n)
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	return ours, theirs
}

func ioctl(t *testing.T, f *os.File, request uintptr, arg *uint32) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(arg))); errno != 0 {
		t.Fatal(errno)
	}
}

func TestColoursOnATerminal(t *testing.T) {
	for _, c := range []struct{ env, want string }{
		{"", "\x1b[36mweb |\x1b[0m text"},
		{"NO_COLOR=1", "web | text"},
		{"TERM=dumb", "web | text"},
	} {
		t.Run(c.env, func(t *testing.T) {
			e, host := serve(t)
			say(t, start(t, e, containertest.Spec{Name: "web"}), "text")
			ours, theirs := terminal(t)
			p := launch(t, theirs, []string{c.env}, "-host", host)
			p.lines = bufio.NewReader(ours)
			p.expect(c.want)
			p.lines = nil
			p.interrupt()
		})
	}
}
