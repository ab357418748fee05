//go:build unix

package enginetest

import "syscall"

// detached puts a process into a session of its own, so that what a terminal or a script sends to the group of the test
// does not keep it from clearing up.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
