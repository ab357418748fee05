//go:build !linux

package spillbench

import "os"

func fdatasync(f *os.File) error { return f.Sync() }
