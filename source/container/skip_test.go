package container

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/source/container/containertest"
	"github.com/logferry/logferry/source/record"
)

// complain has c write lines to stderr, with a number each from first on.
func complain(c *containertest.Container, first, n int) {
	for i := range n {
		c.Write(containertest.Stderr, fmt.Appendf(nil, "%06d %s\n", first+i, strings.Repeat("x", 92)))
	}
}

// The log begins with an entry of stdout that is open, while stderr goes on and is
// delivered. The last that was is rotated away while nobody looks: stderr goes on.
func TestSkipRotatedAway(t *testing.T) {
	generations(t, func(r *rig) {
		r.cfg.Multiline = record.Multiline{Rule: record.Java(), Timeout: time.Minute}
		c := r.run(containertest.Spec{MaxSize: 20_000, MaxFiles: 2})
		c.Print("java.lang.RuntimeException: x")
		complain(c, 0, 3)
		r.start()
		r.settle(5 * time.Second)
		early := r.delivered(c)
		r.stop()
		complain(c, 3, 1000)
		r.start()
		r.settle(10 * time.Second)
		r.check(c, append(early, retained(c)...))
		if gaps := r.src.Stats()[0].Gaps; gaps != 1 {
			t.Errorf("%d gaps, want 1", gaps)
		}
	})
}

// The same, but it is rotated away between two reads, the first of which has found
// that what came before it is gone.
func TestSkipRotatedBetween(t *testing.T) {
	generations(t, func(r *rig) {
		r.cfg.Multiline = record.Multiline{Rule: record.Java(), Timeout: time.Minute}
		c := r.run(containertest.Spec{MaxSize: 20_000, MaxFiles: 2})
		c.Print("first")
		c.Print("java.lang.RuntimeException: x")
		complain(c, 0, 200)
		r.start()
		r.settle(5 * time.Second)
		r.stop()
		// The first file is rotated away, not the next, in which is what was delivered last.
		n := 200
		for ; strings.Contains(retained(c)[0], "first"); n++ {
			complain(c, n, 1)
		}
		reads := 0
		r.engine.Inject(containertest.Fault{On: containertest.Read, Count: -1, Do: containertest.Stall(0), If: func(q *http.Request) bool {
			if q.URL.Query().Get("tail") == "all" {
				if reads++; reads == 2 {
					complain(c, n, 400)
				}
			}
			return true
		}})
		r.start()
		r.settle(10 * time.Second)
		if gaps := r.src.Stats()[0].Gaps; reads < 2 || gaps != 2 {
			t.Errorf("%d whole reads and %d gaps, want 2 gaps", reads, gaps)
		}
		got, want := r.delivered(c), retained(c)
		if len(got) < len(want) || got[len(got)-len(want)] != want[0] || got[len(got)-1] != want[len(want)-1] {
			t.Errorf("%d lines delivered, the last %.20q, want %d to %.20q", len(got), got[len(got)-1], len(want), want[len(want)-1])
		}
	})
}
