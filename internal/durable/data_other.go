//go:build !linux

package durable

import "os"

// SyncData makes f's bytes durable.
func SyncData(f *os.File) error { return f.Sync() }

// Reserve does nothing: space is found when bytes are written.
func Reserve(f *os.File, off, end int64) error { return nil }
