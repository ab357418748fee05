package shaping

import (
	"fmt"
	"time"

	"github.com/logferry/logferry/batch"
)

// A Setting is a size, a linger and a number of requests in flight that stay.
type Setting struct {
	Bytes    int
	Wait     time.Duration
	InFlight int
}

// The settings that have a column of their own.
var (
	Default  = Setting{1 << 20, 200 * time.Millisecond, 8} // a route that is told nothing, with batch.Fixed
	Promtail = Setting{1 << 20, time.Second, 1}            // its batchsize and batchwait, one request at a time
)

func (s Setting) String() string {
	return fmt.Sprintf("%d KiB, %v, %d", s.Bytes>>10, s.Wait, s.InFlight)
}

// Contender is a good client that keeps the setting: the route resends for it with
// a growing wait, and it does not go on sending what was too large, as its operator
// would not have set it so. It does not pace itself otherwise.
func (s Setting) Contender() Contender {
	return Contender{Name: s.String(), MaxInFlight: s.InFlight, New: func() batch.Shaper { return &static{s} }}
}

// Grid returns the static settings the oracle chooses from: all sizes with all
// lingers and numbers in flight, [Default] and [Promtail] among them.
func Grid() []Setting {
	var all []Setting
	for _, bytes := range []int{32 << 10, 128 << 10, 512 << 10, 1 << 20, 2 << 20} {
		for _, wait := range []time.Duration{5, 20, 200, 1000} {
			for _, n := range []int{1, 4, 8, 16, 32} {
				all = append(all, Setting{bytes, wait * time.Millisecond, n})
			}
		}
	}
	return all
}

// static is the shaper of such a client.
type static struct{ Setting }

func (s *static) Limits(batch.State) batch.Limits {
	return batch.Limits{MaxBytes: s.Bytes, MaxWait: s.Wait, InFlight: s.InFlight}
}

func (s *static) Observe(o batch.Outcome) {
	if o.Class == batch.TooLarge {
		s.Bytes = min(s.Bytes, max(1, o.Bytes/2))
	}
}
