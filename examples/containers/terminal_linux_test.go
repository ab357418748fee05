package main

import (
	"bufio"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/logferry/logferry/source/container/containertest"
)

// terminal returns both ends of a pseudo-terminal (man 4 ptmx).
func terminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { ours.Close() })
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	return ours, theirs
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
