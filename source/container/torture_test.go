package container

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/source/container/containertest"
)

var tortureSeed = flag.Uint64("torture.seed", 0, "run TestTorture with this seed only")

// Whatever happens to the engine, its connections and its containers, each line
// that the engine has is delivered, once and in order.
func TestTorture(t *testing.T) {
	seeds := uint64(6)
	if os.Getenv("LOGFERRY_SOAK") != "" {
		seeds = 300
	}
	first := uint64(1)
	if *tortureSeed > 0 {
		first, seeds = *tortureSeed, 1
	}
	for seed := first; seed < first+seeds; seed++ {
		gen := containertest.Gen26
		if seed%2 == 0 {
			gen = containertest.Gen20
		}
		t.Run(fmt.Sprintf("%v seed %d", gen, seed), func(t *testing.T) {
			bubble(t, gen, func(r *rig) { newTorture(r, seed).run() })
		})
	}
}

// A torture does random things to an engine.
type torture struct {
	*rig
	rnd     *rand.Rand
	live    []*victim
	all     []*victim
	breaks  int
	restart int
}

// A victim is a container that writes numbered lines.
type victim struct {
	*containertest.Container
	spec    containertest.Spec
	n       int
	removed bool
	unclear bool     // a line in pieces cannot be told from the next
	final   []string // what the engine had before it was removed
}

func newTorture(r *rig, seed uint64) *torture {
	x := &torture{rig: r, rnd: rand.New(rand.NewPCG(seed, 4))}
	r.cfg.MaxStreams = []int{-1, 2, 256}[x.rnd.IntN(3)]
	r.cfg.Outputs = []Outputs{Both, Both, Stdout, Stderr}[x.rnd.IntN(4)]
	return x
}

func (x *torture) run() {
	x.start()
	for range 300 {
		x.step()
		x.settle(time.Duration(x.rnd.ExpFloat64() * float64(300*time.Millisecond)))
	}
	x.receiver.Release()
	x.receiver.SetRoom(0)
	x.settle(3 * time.Minute)
	for _, v := range x.all {
		x.judge(v)
	}
	s := x.engine.Stats()
	if s.MaxFollows > 1 {
		x.Errorf("a container was followed %d times at once", s.MaxFollows)
	}
	x.Logf("%d containers, %d breaks, %d restarts, %d lines, requests %v", len(x.all), x.breaks, x.restart, len(x.receiver.Lines()), s.Requests)
}

func (x *torture) step() {
	switch k := x.rnd.IntN(100); {
	case k < 15 && len(x.live) < 10 || len(x.live) == 0:
		x.create()
	case k < 65:
		x.write(x.some())
	case k < 70:
		x.end(x.some())
	case k < 90:
		x.fault()
	case k < 92:
		x.engine.Restart(x.rnd.IntN(2) == 0, time.Duration(x.rnd.IntN(20_000))*time.Millisecond)
		for _, v := range x.live {
			v.Start() // those that were stopped with the engine
		}
	case k < 95:
		x.stall()
	case k < 97:
		x.restart++
		x.receiver.Release()
		x.receiver.SetRoom(0)
		x.stop()
		x.start()
	default:
		x.receiver.Release()
		x.receiver.SetRoom(0)
	}
}

// stall lets our side take nothing more.
func (x *torture) stall() {
	x.receiver.Hold()
	x.receiver.SetRoom(1 + x.rnd.IntN(3))
}

func (x *torture) some() *victim { return x.live[x.rnd.IntN(len(x.live))] }

func (x *torture) create() {
	s := containertest.Spec{Name: fmt.Sprintf("c%d", len(x.all)), Driver: []string{"json-file", "json-file", "local"}[x.rnd.IntN(3)],
		Tty: x.rnd.IntN(5) == 0}
	if x.rnd.IntN(2) == 0 {
		s.MaxSize, s.MaxFiles = []int64{20_000, 100_000, 2 << 20}[x.rnd.IntN(3)], 2+x.rnd.IntN(50)
		s.Compress = x.rnd.IntN(3) == 0
	}
	// Engines before 23.0 do not store the newline behind a line's last piece.
	unclear := x.gen == containertest.Gen20 && s.Tty && s.Driver == "local"
	v := &victim{Container: x.engine.Create(s), spec: s, unclear: unclear}
	v.Start()
	x.live = append(x.live, v)
	x.all = append(x.all, v)
}

func (x *torture) write(v *victim) {
	lines := 1 + x.rnd.IntN(5)
	if x.rnd.IntN(8) == 0 {
		lines = x.rnd.IntN(3000)
	}
	for range lines {
		v.n++
		out := containertest.Stdout
		if x.rnd.IntN(3) == 0 {
			out = containertest.Stderr
		}
		text := fmt.Sprintf("%s %d ", v.Name(), v.n)
		kind := x.rnd.IntN(60)
		if v.unclear {
			kind = -1
		}
		switch kind {
		case 0:
			text += strings.Repeat("x", x.rnd.IntN(50_000))
		case 1:
			text += strings.Repeat("y", max(0, 16384*(1+x.rnd.IntN(2))-len(text)))
		default:
			text += strings.Repeat("z", x.rnd.IntN(100))
		}
		v.Write(out, []byte(text+"\n"))
	}
	if x.rnd.IntN(20) == 0 {
		v.n++
		v.Write(containertest.Stdout, []byte(fmt.Sprintf("%s %d half", v.Name(), v.n)))
		x.settle(time.Duration(x.rnd.IntN(2000)) * time.Millisecond)
		v.Write(containertest.Stdout, []byte("\n"))
	}
}

func (x *torture) end(v *victim) {
	switch x.rnd.IntN(4) {
	case 0:
		v.Restart()
	case 1:
		v.Stop()
		x.settle(time.Duration(x.rnd.IntN(3000)) * time.Millisecond)
		v.Start()
	default:
		v.Exit(x.rnd.IntN(2))
		x.receiver.Release()
		x.receiver.SetRoom(0)
		x.settle(90 * time.Second) // all is read by then, whatever trouble there was
		v.final = retained(v.Container)
		v.Remove()
		v.removed = true
		for i := range x.live {
			if x.live[i] == v {
				x.live = append(x.live[:i], x.live[i+1:]...)
				break
			}
		}
	}
}

func (x *torture) fault() {
	x.breaks++
	f := containertest.Fault{On: []containertest.Endpoint{
		containertest.Follow, containertest.Follow, containertest.Read, containertest.Read, containertest.Events, containertest.List,
		containertest.Inspect, containertest.Ping, containertest.Any,
	}[x.rnd.IntN(9)], Frames: x.rnd.IntN(5), After: x.rnd.IntN(12)}
	if x.rnd.IntN(3) == 0 {
		f.Frames, f.After = 0, containertest.BeforeHeaders
	}
	switch x.rnd.IntN(8) {
	case 0, 1, 2:
		f.Do = containertest.Cut()
	case 3:
		f.Do = containertest.Stall(time.Duration(x.rnd.IntN(10_000)) * time.Millisecond)
	case 4:
		f.Do = containertest.Silence()
		f.After = max(f.After, 0)
	case 5:
		f.Do, f.Frames, f.After = containertest.Status(500, "trouble"), 0, containertest.BeforeHeaders
	case 6:
		f.On, f.After = containertest.Follow, 4
		f.Do = containertest.Corrupt(0xff, 0xff, 0xff, 0xff)
		if v := x.some(); !v.spec.Tty { // there is no header otherwise
			f.Container = v.ID()
		} else {
			f.Container = "none"
		}
	default:
		f.On, f.Do = containertest.Events, []containertest.Action{containertest.Omit(), containertest.Twice(), containertest.Late(3)}[x.rnd.IntN(3)]
		f.Frames, f.After = 0, 0
	}
	if x.rnd.IntN(2) == 0 {
		x.engine.Strike(f)
		return
	}
	x.engine.Inject(f)
}

// judge compares what was delivered of v with what the engine had of it.
func (x *torture) judge(v *victim) {
	x.Helper()
	want := v.final
	if !v.removed {
		want = retained(v.Container)
	}
	want = x.chosen(v, want)
	got := x.delivered(v.Container)
	if v.spec.MaxSize > 0 || v.spec.Driver == "local" {
		// What was rotated away before may have been delivered as well.
		if n := len(got) - len(want); n > 0 {
			x.unique(v, got)
			got = got[n:]
		}
	}
	if len(got) == len(want) {
		for i := range got {
			if !same(got[i], want[i]) {
				x.Errorf("%s %+v: %s", v.Name(), v.spec, difference(got, want))
				return
			}
		}
		return
	}
	x.Errorf("%s %+v: %d lines delivered, want %d: %s", v.Name(), v.spec, len(got), len(want), difference(got, want))
}

func (x *torture) chosen(v *victim, lines []string) (some []string) {
	for _, l := range lines {
		out, _, _ := strings.Cut(strings.TrimPrefix(l, torn), " ")
		if x.cfg.Outputs == Both || x.cfg.Outputs == Stdout && out == "stdout" || x.cfg.Outputs == Stderr && out == "stderr" {
			some = append(some, l)
		}
	}
	return some
}

// unique complains of lines that came twice.
func (x *torture) unique(v *victim, lines []string) {
	seen := map[string]bool{}
	for _, l := range lines {
		f := strings.SplitN(l, " ", 4)
		if len(f) < 3 {
			continue // the rest of a line whose beginning was rotated away
		}
		if seen[f[2]] {
			x.Errorf("%s %+v: twice: %.80q", v.Name(), v.spec, l)
			return
		}
		seen[f[2]] = true
	}
}
