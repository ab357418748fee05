package source

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestFileCheckpointsCostsWhatChanged counts the bytes of many small Saves among many streams.
func TestFileCheckpointsCostsWhatChanged(t *testing.T) {
	disk := newCkptDisk()
	path := filepath.Join(t.TempDir(), "cursors")
	f := mustOpenCheckpoints(t, path, disk)
	mustSave(t, f, manyCursors(10_000))
	snapshot := disk.wrote
	disk.wrote = 0
	var changed, largest int64
	for n := range 3_000 {
		set := make(map[string]string, 10)
		for i := range 10 {
			set[streamName((n*10+i)%10_000)] = fmt.Sprint("offset ", n*4096)
		}
		changed += int64(len(appendRecord(nil, set, nil)))
		mustSave(t, f, set)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, info.Size())
	}
	if disk.wrote > 3*changed {
		t.Errorf("wrote %d bytes for %d bytes of changes", disk.wrote, changed)
	}
	if largest > 3*snapshot {
		t.Errorf("the file grew to %d bytes, for a state of %d", largest, snapshot)
	}
	t.Logf("state %d bytes, changed %d, wrote %d, largest file %d", snapshot, changed, disk.wrote, largest)
}

func streamName(i int) string { return fmt.Sprintf("/var/log/containers/shop-%05d.log", i) }

func manyCursors(n int) map[string]string {
	cursors := make(map[string]string, n)
	for i := range n {
		cursors[streamName(i)] = fmt.Sprint("offset ", i)
	}
	return cursors
}

// BenchmarkFileCheckpointsSave saves 10 changed cursors of 10,000: to a real disk, and to one that does not sync,
// which leaves what the library costs.
func BenchmarkFileCheckpointsSave(b *testing.B) {
	for name, disk := range map[string]disk{"disk": osDisk{}, "nosync": noSyncDisk{}} {
		b.Run(name, func(b *testing.B) {
			f := mustOpenCheckpoints(b, filepath.Join(b.TempDir(), "cursors"), disk)
			mustSave(b, f, manyCursors(10_000))
			names := make([]string, 10_000)
			for i := range names {
				names[i] = streamName(i)
			}
			b.ReportAllocs()
			set := make(map[string]string, 10)
			for n := 0; b.Loop(); n++ {
				clear(set)
				for i := range 10 {
					set[names[(n*10+i)%len(names)]] = "offset 123456"
				}
				if err := f.Save(b.Context(), set, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type noSyncDisk struct{ osDisk }

type noSyncFile struct{ diskFile }

func (d noSyncDisk) open(name string, flag int) (diskFile, error) {
	f, err := d.osDisk.open(name, flag)
	return noSyncFile{f}, err
}

func (noSyncDisk) syncDir(string) error { return nil }
func (noSyncFile) Sync() error          { return nil }
