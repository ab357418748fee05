package container

import (
	"math/rand/v2"
	"time"

	"github.com/logferry/logferry/source/container/containertest"
)

// A doom is what goes wrong with an engine, sooner or later.
type doom struct {
	target   *containertest.Engine
	rnd      *rand.Rand
	troubled bool
	next     time.Time // when something goes wrong
	down     bool
	lenient  bool      // containers go on while the engine is down
	back     time.Time // when it is up again
	injected []*containertest.Injection
	hits     int // requests that were befallen
	restarts int // of the engine
	steps    int // of its clock
}

func newDoom(e *containertest.Engine) *doom {
	return &doom{target: e, rnd: rand.New(rand.NewPCG(8, 4))}
}

func (f *doom) up() bool { return !f.down }

// begin lets things go wrong from now on, or nothing.
func (f *doom) begin(troubled bool) { f.troubled, f.next = troubled, time.Now() }

// moves reports whether time goes on for containers.
func (f *doom) moves() bool { return !f.down || f.lenient }

// due is when something is to be decided.
func (f *doom) due() time.Time {
	switch {
	case f.down:
		return f.back
	case f.troubled:
		return f.next
	default:
		return time.Now().Add(time.Second)
	}
}

// decide does what is due. m may be the one that it befalls. It reports whether
// the engine has come up, without those who ran.
func (f *doom) decide(m *mortal) (stopped bool) {
	now := time.Now()
	if !f.troubled || now.Before(f.due()) {
		return false
	}
	f.next = now.Add(time.Duration(f.rnd.ExpFloat64() * float64(700*time.Millisecond)))
	switch k := f.rnd.IntN(100); {
	case f.down:
		f.target.Up()
		f.down = false
		return !f.lenient
	case k < 3:
		f.restarts++
		f.lenient = f.rnd.IntN(2) == 0
		f.target.Down(f.lenient)
		f.down, f.back = true, now.Add(time.Duration(f.rnd.IntN(10_000))*time.Millisecond)
	case k < 10:
		f.steps++
		f.target.StepClock(time.Duration((f.rnd.Float64() - 0.5) * float64(time.Hour)))
	default:
		f.strike(m)
	}
	return false
}

// end takes back what has not befallen anything, and has the source open an event
// stream that nothing has befallen.
func (f *doom) end() {
	if f.down {
		f.target.Up()
		f.down = false
	}
	for _, i := range f.injected {
		i.Remove()
		f.hits += i.Hits()
	}
	f.injected = nil
	f.target.Strike(containertest.Fault{On: containertest.Events, Do: containertest.Cut()})
}

func (f *doom) strike(m *mortal) {
	fault := containertest.Fault{On: containertest.Follow, Frames: f.rnd.IntN(4), After: f.rnd.IntN(12)}
	switch k := f.rnd.IntN(10); {
	case k < 2:
		fault.On = containertest.Events
	case k < 4:
		fault.On = containertest.Read
	case k == 4:
		fault.On = []containertest.Endpoint{containertest.List, containertest.Inspect, containertest.Ping, containertest.Any}[f.rnd.IntN(4)]
	}
	if f.rnd.IntN(4) == 0 {
		fault.Frames, fault.After = 0, containertest.BeforeHeaders
	}
	switch k := f.rnd.IntN(12); {
	case k < 6:
		fault.Do = containertest.Cut()
	case k == 6:
		fault.Do = containertest.Stall(time.Duration(f.rnd.IntN(10_000)) * time.Millisecond)
	case k == 7:
		fault.Do = containertest.Silence()
		fault.After = max(fault.After, 0)
	case k == 8:
		fault.Do = containertest.Status(500, "trouble")
		fault.Frames, fault.After = 0, containertest.BeforeHeaders
	case k == 9 && m != nil && !m.spec.Tty: // whose frames have no header
		fault.On, fault.Container, fault.After = containertest.Logs, m.ID(), 4
		fault.Do = containertest.Corrupt(0xff, 0xff, 0xff, 0xff)
	default:
		fault.On, fault.Frames, fault.After = containertest.Events, 0, 0
		fault.Do = []containertest.Action{containertest.Omit(), containertest.Twice(), containertest.Late(3)}[f.rnd.IntN(3)]
	}
	// What is being answered is past its headers.
	if fault.After != containertest.BeforeHeaders && f.rnd.IntN(2) == 0 {
		if m != nil && f.rnd.IntN(2) == 0 {
			fault.Container = m.ID()
		}
		n := f.target.Strike(fault)
		f.hits += n
		if n > 0 {
			return
		}
	}
	f.injected = append(f.injected, f.target.Inject(fault))
}
