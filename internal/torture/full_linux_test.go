package torture

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestFullDisk kills while the disk of the checkpoints is full: what is delivered goes on being delivered, it is said
// that cursors are not saved, and they are again when there is space.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "app.log")
	disk := filepath.Join(w.dir, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=256k,mode=0700"); err != nil {
		t.Skipf("cannot mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		w.child.kill()
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	w.state = filepath.Join(disk, "state")
	w.settle()
	for range kills(1, 2, 10) {
		empty := fill(t, disk)
		w.complains()
		for range 2 { // the next child begins on a full disk
			w.kill()
			w.a.play(w.moments(100), w.moments(200))
			w.start()
			w.complains()
			w.deliver()
		}
		empty()
		w.wait("cursors to be saved again", func() bool { return w.logged("cursors are being saved again") })
		w.deliver()
		w.sameCursor()
	}
	w.finish()
}

// complains goes on writing until the child says that it cannot save: until then the last page of a file had room.
func (w *world) complains() {
	w.t.Helper()
	if err := w.log.Truncate(0); err != nil {
		w.t.Fatal(err)
	}
	w.a.play(w.moments(100), 200*time.Millisecond)
	w.wait("a complaint", func() bool {
		w.a.write()
		return w.logged("saving cursors failed")
	})
}

// fill takes all the space there is in the folder, and returns what gives it back.
func fill(t *testing.T, dir string) (empty func()) {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for page := make([]byte, 4096); err == nil; {
		_, err = f.Write(page)
	}
	if closeErr := f.Close(); !errors.Is(err, syscall.ENOSPC) || closeErr != nil {
		t.Fatal(err, closeErr)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}
