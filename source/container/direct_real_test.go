package container

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/internal/enginetest"
	"github.com/logferry/logferry/internal/enginetest/chat"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/sourcetest"
)

// TestRealDirect: the files of a real engine, rotated and compressed by it, are
// read directly, and beside them the log of another driver through its API. One
// container is removed as soon as it has ended.
func TestRealDirect(t *testing.T) {
	for _, version := range enginetest.Need(t) {
		t.Run(version, func(t *testing.T) {
			real := enginetest.Start(t, version)
			folder := filepath.Join(filepath.Dir(strings.TrimPrefix(real.Host(), "unix://")), "data", "containers")
			src, err := New(Config{Host: real.Host(), Direct: folder})
			if err != nil {
				t.Fatal(err)
			}
			var r sourcetest.Receiver
			points := source.MemCheckpoints()
			session := sourcetest.Start(t, src, &r, points)
			script := enginetest.Script{Lines: 6000, Sizes: []int{60, 100, 300, 1000}, Burst: 15, Every: 10 * time.Millisecond, Stderr: 3}
			long := script
			long.Sizes = []int{100, pieceSize, pieceSize + 1, 3 * pieceSize, 50_000}
			long.Lines, long.Odd = 600, 7
			rotated := map[string]string{"max-size": "100k", "max-file": "5"}
			compressed := map[string]string{"max-size": "100k", "max-file": "5", "compress": "true"}
			all := map[*enginetest.Container]enginetest.Script{}
			for _, s := range []enginetest.Spec{
				{Name: "plain", Script: long},
				{Name: "rotated", Script: script, Options: rotated},
				{Name: "packed", Script: script, Options: compressed},
				{Name: "tty", Script: script, Tty: true},
				{Name: "local", Script: script, Driver: "local"},
			} {
				all[real.Run(t, s)] = s.Script
			}
			brief := real.Run(t, enginetest.Spec{Name: "brief", Script: enginetest.Script{Lines: 50, Live: 500 * time.Millisecond}})
			brief.Wait(t)
			brief.Remove(t)
			all[brief] = enginetest.Script{Lines: 50}

			var want int
			for _, s := range all {
				want += s.Lines
			}
			ctx, cancel := context.WithTimeout(t.Context(), longEnough)
			defer cancel()
			if _, err := r.WaitLines(ctx, want); err != nil {
				t.Error(err)
			}
			if err := session.Stop(); err != nil {
				t.Error(err)
			}
			var l enginetest.Ledger
			for c, s := range all {
				l.Expect(c.ID, s)
			}
			streams := map[string]byte{"stdout": chat.Stdout, "stderr": chat.Stderr}
			for _, p := range r.Delivered() {
				for _, e := range p.Entries {
					name := e.Labels.Get("container")
					l.Take(attr(&e, "container_id"), streams[attr(&e, attrStream)], name == "tty", e.Line)
				}
			}
			v := l.Verdict()
			t.Logf("%+v", v)
			if err := v.Err(); err != nil {
				t.Error(err)
			}
			direct, local := 0, 0
			for name := range points.All(t.Context()) {
				if strings.Contains(name, jsonSuffix+"#") {
					direct++
				} else {
					local++
				}
			}
			if local != 1 || direct < 4 {
				t.Errorf("%d cursors of files, %d of containers that are read through the engine", direct, local)
			}
		})
	}
}
