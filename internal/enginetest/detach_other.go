//go:build !unix

package enginetest

import "syscall"

func detached() *syscall.SysProcAttr { return nil }
