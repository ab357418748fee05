package file

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/logferry/logferry/batch"
)

// TestFaultsAnywhere lets each operation on the disk fail, once or several times in a row, and writes again what was not
// written: then every line is there once, whole, and in order.
func TestFaultsAnywhere(t *testing.T) {
	for name, policy := range map[string]SyncPolicy{"SyncEvery": SyncEvery, "SyncBatch": SyncBatch, "SyncNever": SyncNever} {
		for _, lasting := range []int{1, 4} {
			t.Run(fmt.Sprint(name, lasting), func(t *testing.T) {
				steps, noticed, stride := 1, 0, 1
				if lasting > 1 && os.Getenv("LOGFERRY_SOAK") == "" {
					stride = lasting - 1
				}
				for at := 1; at <= steps; at += stride {
					r := newRig(t, Config{Path: "{app}/x.log", Sync: policy, MaxOpen: 1, Rotate: Rotate{Bytes: 200}})
					ops := map[string]bool{}
					r.disk.fault = func(step int, op string) error {
						if step < at || step >= at+lasting {
							return nil
						}
						ops[op] = true
						return syscall.ENOSPC
					}
					tries := writeAll(r)
					steps = max(steps, r.disk.steps)
					if tries > 0 {
						noticed++
					}
					wantAll(t, r, ops, policy == SyncBatch && (ops["truncate"] || ops["fstat"]))
				}
				t.Logf("%d steps, %d of them noticed by a Write", steps, noticed)
				if steps < 40 || noticed < 10/stride {
					t.Error("too few")
				}
			})
		}
	}
}

var sweepApps = []batch.Labels{batch.MustLabels("app", "a"), batch.MustLabels("app", "b")}

// writeAll writes 25 lines to each of two logs in several batches and returns how many tries failed.
func writeAll(r *rig) (failed int) {
	now := noon
	for n := 0; n < 25; n += 5 {
		for _, l := range sweepApps {
			failed += r.persist(now, l, numbered(n, 5)...) - 1
			now = now.Add(20 * 1e9)
		}
	}
	return failed
}

func wantAll(t *testing.T, r *rig, ops map[string]bool, twice bool) {
	t.Helper()
	r.disk.fault = nil
	r.shut()
	want := numbered(0, 25)
	for _, l := range sweepApps {
		got := readLines(t, r.dir+"/"+l.Get("app"))
		if twice { // what could not be cut off is there again
			slices.Sort(got)
			got = slices.Compact(got)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("after failures of %v: %s", ops, difference(got, want))
		}
	}
}

// difference names what is missing, strange, or where the order differs.
func difference(got, want []string) string {
	var s strings.Builder
	there, written := count(got), count(want)
	for _, line := range want {
		if n := there[line]; n != 1 {
			fmt.Fprintf(&s, "%q is there %d times\n", line, n)
		}
	}
	for _, line := range got {
		if written[line] == 0 {
			fmt.Fprintf(&s, "%q was never written\n", line)
		}
	}
	if s.Len() == 0 {
		return fmt.Sprintf("out of order: %q", got)
	}
	return s.String()
}

// count tells how often each line is there.
func count(lines []string) map[string]int {
	n := make(map[string]int, len(lines))
	for _, line := range lines {
		n[line]++
	}
	return n
}

// TestBrokenIsNamed: while the disk is broken, Writes and Health name the file, no failure is permanent, and it passes.
func TestBrokenIsNamed(t *testing.T) {
	r := newRig(t, Config{Path: "{app}.log"})
	r.put(noon, shop, "one")
	r.disk.breakAll(true)
	err := r.try(noon, shop, "two")
	if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), r.dir) || !strings.Contains(err.Error(), "shop.log") {
		t.Errorf("Write: %v", err)
	}
	if health := r.Health(); !errors.Is(health, syscall.EIO) || !strings.Contains(health.Error(), "shop.log") {
		t.Errorf("Health: %v", health)
	}
	r.disk.breakAll(false)
	r.put(noon, shop, "two")
	if err := r.Health(); err != nil {
		t.Errorf("Health after it: %v", err)
	}
	r.file("shop.log", "one", "two")
	if s := r.Stats(); s.Entries != 2 || s.Failures != 1 || s.Bytes != 8 {
		t.Errorf("%+v", s)
	}
}
