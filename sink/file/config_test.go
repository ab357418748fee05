package file

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestBadConfig(t *testing.T) {
	_, err := New(Config{
		Path: t.TempDir() + "/x", Format: 7, Template: "{", Rotate: Rotate{Every: 25 * time.Hour, At: []string{"24:00", "noon"}},
		Compress: 9, Keep: Keep{Files: -1, Age: -1, Bytes: -1}, Sync: -1, SyncInterval: -1, MaxOpen: -1, Mode: os.ModeDir, FolderMode: os.ModeSetuid, Owner: &Owner{-1, -2},
	})
	for _, field := range []string{"Path", "Format", "Template", "Rotate.Every", "Rotate.At", "Compress", "Keep.Files", "Keep.Age", "Keep.Bytes",
		"Sync", "SyncInterval", "MaxOpen", "Mode", "FolderMode", "Owner"} {
		if err == nil || !strings.Contains(err.Error(), "file: Config."+field+": ") {
			t.Errorf("%s is not named: %v", field, err)
		}
	}
	if _, err := New(Config{Path: "x", SyncInterval: 1}); err == nil || !strings.Contains(err.Error(), "SyncInterval: 1ns") {
		t.Errorf("a flush each nanosecond: %v", err)
	}
	if checkOwner(&Owner{}, "windows") == nil || checkOwner(&Owner{-1, 0}, "linux") != nil || checkOwner(nil, "windows") != nil {
		t.Error("the wrong owners are refused")
	}
}

// TestModeRefused: a file that cannot be given its mode and owner is not written to, however often that is tried.
func TestModeRefused(t *testing.T) {
	r := newRig(t, Config{Path: "x.log"})
	r.disk.fault = func(_ int, op string) error {
		if op == "chmod" {
			return syscall.EPERM
		}
		return nil
	}
	for range 3 {
		if err := r.try(noon, shop, "1"); !errors.Is(err, syscall.EPERM) {
			t.Fatalf("Write: %v", err)
		}
	}
	r.disk.fault = nil
	r.put(noon, shop, "1")
	r.file("x.log", "1")
}
