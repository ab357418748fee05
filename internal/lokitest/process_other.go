//go:build !linux

package lokitest

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }
