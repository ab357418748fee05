//go:build unix

package main

import (
	"runtime"
	"syscall"
	"time"
)

// used is what the process has taken so far: CPU time, and allocations.
func used() (time.Duration, uint64) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // it has no other reason than a wrong argument
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), m.Mallocs
}
