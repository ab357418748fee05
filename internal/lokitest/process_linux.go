package lokitest

import "syscall"

// dieWithParent has the kernel kill Loki when the test process ends, because a test binary that panics or runs into
// -timeout never gets to its cleanups.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
