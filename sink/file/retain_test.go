package file

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// plantGenerations makes n generations of a log, one a day, the oldest first, of 100 bytes each.
func (r *rig) plantGenerations(log string, n int) (names []string) {
	for i := range n {
		at := noon.AddDate(0, 0, i-n)
		name := log + at.Format(stampLayout)
		r.plant(name, strings.Repeat("x", 99)+"\n", at)
		names = append(names, name)
	}
	return names
}

func TestKeep(t *testing.T) {
	for name, test := range map[string]struct {
		keep Keep
		a, b int // how many of 6 and 3 generations stay
	}{
		"nothing said": {Keep{}, 6, 3},
		"Files":        {Keep{Files: 2}, 2, 2},
		"Age":          {Keep{Age: 5*day + time.Hour}, 5, 3},
		"Bytes":        {Keep{Bytes: 650}, 3, 3}, // 6 generations, the logs of 6 bytes
		"all":          {Keep{Files: 4, Age: 4 * day, Bytes: 10_000}, 4, 3},
		"next to none": {Keep{Bytes: 1}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{Path: "{app}/x.log", Keep: test.keep})
			a, b := r.plantGenerations("a/x.log", 6), r.plantGenerations("b/x.log", 3)
			r.plant("a/x.log", "live a\n", noon.AddDate(0, 0, -30))
			r.plant("b/x.log", "live b\n", noon)
			strangers := []string{"a/x.log.old", "a/x.log.zst", "a/y.log.20260101T120000.000", "x.log.20260101T120000.000"}
			for _, name := range strangers {
				r.plant(name, strings.Repeat("x", 1000), noon.AddDate(0, 0, -40))
			}
			r.tidy(t.Context(), noon)
			want := slices.Concat(strangers, a[len(a)-test.a:], b[len(b)-test.b:], []string{"a/x.log", "b/x.log"})
			slices.Sort(want)
			got := r.names()
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("kept %q, want %q", got, want)
			}
			if s := r.Stats(); s.Removed != int64(9-test.a-test.b) || s.RemovedFrom != 100*s.Removed {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestKeepCountsOnce: what is there compressed and as it was, because the process ended in between, is one file of those that
// are kept.
func TestKeepCountsOnce(t *testing.T) {
	r := newRig(t, Config{Path: "x.log", Keep: Keep{Files: 3}})
	names := r.plantGenerations("x.log", 3)
	r.plant(names[2]+suffixZstd, "packed", noon.AddDate(0, 0, -1))
	r.tidy(t.Context(), noon)
	r.holds(names[0], names[1], names[2], names[2]+suffixZstd)
}

// TestStrangersStay: files of other programs are not ours, even if they are called much like ours.
func TestStrangersStay(t *testing.T) {
	r := newRig(t, Config{Path: "{app}-{date}.log", Keep: Keep{Files: 1, Bytes: 1}, Compress: Zstd})
	strangers := []string{" shop-2025-12-01.log", "%zz-2025-12-01.log", ".shop-2025-12-01.log", "a%2fb-2025-12-01.log",
		"shop-2025-99-01.log"}
	if runtime.GOOS != "windows" { // which has no such names
		strangers = append(strangers, "a\x01b-2025-12-01.log")
	}
	for _, name := range strangers {
		r.plant(name, "text\n", noon.AddDate(0, -1, 0))
	}
	r.plant("shop-2025-12-01.log", "text\n", noon.AddDate(0, -1, 0))
	r.tidy(t.Context(), noon)
	slices.Sort(strangers)
	r.holds(strangers...)
}

// TestKeepOfDays: logs of days that are over are kept like generations, compressed if that is asked for, and folders that
// become empty go, too.
func TestKeepOfDays(t *testing.T) {
	r := newRig(t, Config{Path: "{date}/{app}.log", Keep: Keep{Files: 2}, Compress: Zstd})
	for i := range 5 {
		at := noon.AddDate(0, 0, i-4)
		r.plant(at.Format("2006-01-02/")+"shop.log", fmt.Sprintln("day", i), at)
	}
	r.put(noon, shop, "today")
	r.tidy(t.Context(), noon.Add(time.Minute))
	r.holds("2025-12-31/shop.log.20260102T120100.000.zst", "2026-01-01/shop.log.20260102T120100.000.zst", "2026-01-02/shop.log")
	if got := r.unpacked("2026-01-01/shop.log.20260102T120100.000.zst"); got != "day 3\n" {
		t.Errorf("%q", got)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "2025-12-30")); !os.IsNotExist(err) {
		t.Errorf("an empty folder: %v", err)
	}
}

// unpacked is what a compressed file holds.
func (r *rig) unpacked(name string) string {
	r.t.Helper()
	data, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		r.t.Fatal(err)
	}
	var in io.Reader
	if strings.HasSuffix(name, suffixGzip) {
		in, err = gzip.NewReader(bytes.NewReader(data))
	} else {
		d, derr := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1))
		if derr == nil {
			defer d.Close()
		}
		in, err = d, derr
	}
	if err != nil {
		r.t.Fatal(err)
	}
	text, err := io.ReadAll(in)
	if err != nil {
		r.t.Fatalf("%s: %v", name, err)
	}
	return string(text)
}

func TestCompress(t *testing.T) {
	for _, c := range []Compression{Gzip, Zstd} {
		r := newRig(t, Config{Path: "all.log", Rotate: Rotate{Bytes: 50_000}, Compress: c, Mode: 0o604})
		var want string
		for i := range 10 {
			lines := numbered(1000*i, 1000)
			want += strings.Join(lines, "\n") + "\n"
			r.put(noon, shop, lines...)
		}
		r.tidy(t.Context(), noon)
		got, packed := "", 0
		names := r.names()
		for _, name := range append(names[1:], names[0]) {
			info, err := os.Stat(filepath.Join(r.dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode() != 0o604 {
				t.Errorf("%s: %v", name, info.Mode())
			}
			if strings.HasSuffix(name, c.suffix()) {
				got += r.unpacked(name)
				packed++
				continue
			}
			text, err := os.ReadFile(filepath.Join(r.dir, name))
			if err != nil {
				t.Fatal(err)
			}
			got += string(text)
		}
		s := r.Stats()
		if got != want || packed != len(names)-1 || packed < 4 || s.Packed != int64(packed) || s.PackedTo >= s.PackedFrom/2 {
			t.Errorf("%q: %+v; equal: %v", names, s, got == want)
		}
	}
}

// TestCompressFaults lets each step of the task fail, as if the process ended there: the next pass completes it, and
// nothing is lost or there twice.
func TestCompressFaults(t *testing.T) {
	text := strings.Repeat("a line that is compressed\n", 10_000)
	name := "all.log.20260102T110000.000"
	for at, steps := 1, 1; at <= steps; at++ {
		r := newRig(t, Config{Path: "all.log", Compress: Zstd, Keep: Keep{Files: 5}})
		r.plant(name, text, noon.Add(-time.Hour))
		failed := ""
		r.disk.fault = func(step int, op string) error {
			if step < at {
				return nil
			}
			failed += " " + op
			return syscall.ENOSPC
		}
		r.tidy(t.Context(), noon)
		steps = max(steps, at+1)
		if failed == "" {
			if at < 12 {
				t.Errorf("%d steps", at)
			}
			steps = at
		} else if r.Health() == nil && failed != " close" { // of the original, which is removed by then
			t.Errorf("no word of the failure of%s", failed)
		}
		r.disk.fault = nil
		r.tidy(t.Context(), noon)
		r.holds(name + ".zst")
		if got := r.unpacked(name + ".zst"); got != text {
			t.Errorf("after failures of%s: %d bytes, want %d", failed, len(got), len(text))
		}
		if err := r.Health(); err != nil {
			t.Errorf("after failures of%s: %v", failed, err)
		}
	}
}

// TestCompressLeftovers: what an earlier process left half compressed is done again, and what a crash left under both names
// is there once.
func TestCompressLeftovers(t *testing.T) {
	r := newRig(t, Config{Path: "{app}.log", Compress: Gzip})
	name := "shop.log.20260102T110000.000"
	r.plant(name, "one\n", noon)
	r.plant(name+".gz", "not even gzip", noon)
	r.plant(name+".gz.tmp", "half of it", noon)
	r.plant("other.log.20260102T110000.000.zst.tmp", "left by a Sink that was set to zstd", noon)
	r.tidy(t.Context(), noon)
	r.holds(name + ".gz")
	if got := r.unpacked(name + ".gz"); got != "one\n" {
		t.Errorf("%q", got)
	}
}

// TestCompressStops: the task ends in the middle of a file, and leaves the original.
func TestCompressStops(t *testing.T) {
	r := newRig(t, Config{Path: "all.log", Compress: Zstd})
	name := "all.log.20260102T110000.000"
	r.plant(name, strings.Repeat("line\n", 100_000), noon)
	ctx, cancel := context.WithCancel(t.Context())
	r.disk.fault = func(_ int, op string) error {
		if op == "read" {
			cancel()
		}
		return nil
	}
	r.tidy(ctx, noon)
	r.holds(name)
	if err := r.Health(); err != nil {
		t.Errorf("Health: %v", err)
	}
}
