package spool

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

var testTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// soak multiplies a count when the long tier asks for it.
func soak(n, times int) int {
	if os.Getenv("LOGFERRY_SOAK") != "" {
		return n * times
	}
	return n
}

// A model is what a log owes to those who appended to it.
type model struct {
	t     *testing.T
	large bool            // records of all sizes, in large segments
	owed  map[string]bool // acknowledged, and not delivered before the position was last saved
	saved map[string]bool // delivered before that: must not come again
	since map[string]bool // delivered after that, by this process
	ever  map[string]bool // delivered

	next                   int
	acked, failed, crashes int
	delivered, again       int
}

// TestCrashes runs a log through appends, deliveries, failing disks, kills and power losses, at random, against the
// model: whatever was acknowledged is delivered, in order, and what the saved position covers never again.
func TestCrashes(t *testing.T) {
	runModel(t, false, soak(300, 30))
}

// TestCrashesOfLarge is TestCrashes with records that are written apart, and room behind them.
func TestCrashesOfLarge(t *testing.T) {
	runModel(t, true, soak(4, 30))
}

func runModel(t *testing.T, large bool, seeds int) {
	var total model
	for seed := range uint64(seeds) {
		m := &model{t: t, large: large, owed: map[string]bool{}, saved: map[string]bool{}, since: map[string]bool{}, ever: map[string]bool{}}
		rnd := rand.New(rand.NewPCG(seed, 6))
		d := newMemDisk()
		for range 6 {
			d = m.life(rnd, d)
			if t.Failed() {
				t.Fatalf("seed %d: %d acknowledged, %d refused, %d crashes", seed, m.acked, m.failed, m.crashes)
			}
		}
		d.fail = nil
		r := m.open(d)
		m.deliver(r, 1<<30)
		if len(m.owed) > 0 {
			t.Fatalf("seed %d: %d acknowledged entries are lost", seed, len(m.owed))
		}
		r.wantEmpty()
		total.add(m)
	}
	t.Logf("%d acknowledged, %d refused by a failing disk, %d crashes, %d delivered, %d of them again, 0 lost",
		total.acked, total.failed, total.crashes, total.delivered, total.again)
}

func (m *model) open(d *memDisk) *rig {
	if m.large {
		return openRigOf(m.t, d, 16<<20, 1<<20)
	}
	return openRig(m.t, d)
}

// size is how long the payload of a record is, about: beside where something changes, too.
func (m *model) size(rnd *rand.Rand) int {
	if !m.large || rnd.IntN(2) == 0 {
		return rnd.IntN(200)
	}
	edges := []int{apartBytes, leastAlign * 16, gatherBytes, mostAlign, 300 << 10}
	return edges[rnd.IntN(len(edges))] - HeaderBytes + rnd.IntN(7) - 10
}

func (m *model) add(o *model) {
	m.acked += o.acked
	m.failed += o.failed
	m.crashes += o.crashes
	m.delivered += o.delivered
	m.again += o.again
}

// life is one process, and the disk it leaves.
func (m *model) life(rnd *rand.Rand, d *memDisk) *memDisk {
	d.fail = nil
	r := m.open(d)
	if rnd.IntN(2) == 0 {
		d.fail = func(_ int, op string) error {
			if op != "list" && op != "read" && op != "open" && rnd.IntN(20) == 0 {
				return errStep(op)
			}
			return nil
		}
	}
	for range 10 + rnd.IntN(60) {
		switch rnd.IntN(8) {
		case 0, 1, 2, 3:
			m.append(rnd, r)
		case 4, 5:
			m.deliver(r, rnd.IntN(30))
		case 6:
			if r.SavePosition() == nil {
				m.save()
			}
		case 7:
			r.reader.Close()
			r.reader = r.Reader()
		}
	}
	m.crashes++
	clear(m.since)
	var loss *rand.Rand
	if rnd.IntN(3) > 0 {
		loss = rnd
	}
	return d.crash(loss)
}

func (m *model) append(rnd *rand.Rand, r *rig) {
	var list []Item
	for range 1 + rnd.IntN(4) {
		m.next++
		text := fmt.Sprintf("%d %0*d", m.next, m.size(rnd), 0)
		list = append(list, item(text, 1))
	}
	if err := r.Append(list); err != nil {
		m.failed += len(list)
		return
	}
	m.acked += len(list)
	for _, it := range list {
		m.owed[string(it.Frame[HeaderBytes:])] = true
	}
}

func (m *model) deliver(r *rig, n int) {
	last := uint64(0)
	order := 0
	for range n {
		rec, err := r.reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			m.t.Error(err)
			return
		}
		last = rec.Seq
		text, number := string(rec.Payload), 0
		fmt.Sscan(text, &number)
		if number <= order {
			m.t.Errorf("%d after %d", number, order)
		}
		order = number
		if m.saved[text] {
			m.t.Errorf("%d comes again, which the position covers", number)
		}
		if m.ever[text] {
			m.again++
		}
		m.since[text], m.ever[text] = true, true
		m.delivered++
		delete(m.owed, text)
	}
	if last > 0 {
		r.Done(last + 1)
	}
}

func (m *model) save() {
	for text := range m.since {
		m.saved[text] = true
	}
	clear(m.since)
}

// Each step of an Append fails by itself, and from there on; what was acknowledged before stays, what fails does not
// come, and the next Append works.
func TestAppendFailsAnywhere(t *testing.T) {
	for _, lasting := range []bool{false, true} {
		for _, fresh := range []bool{false, true} {
			failed := map[string]bool{}
			for step := 1; ; step++ {
				d := newMemDisk()
				r := openRig(t, d)
				want := []string{}
				if !fresh {
					r.append("before")
					want = append(want, "before")
				}
				d.steps = 0
				op := ""
				d.fail = func(n int, o string) error {
					if n == step || lasting && n > step {
						op = o
						failed[o] = true
						return errStep(o)
					}
					return nil
				}
				err := r.Append(items("doubtful"))
				d.fail = nil
				if op == "" {
					break
				}
				if lasting && err == nil {
					t.Fatalf("a lasting failure of %s goes unnoticed", op)
				}
				if err == nil {
					want = append(want, "doubtful")
				}
				r.append("after")
				want = append(want, "after")
				for _, rnd := range []*rand.Rand{nil, rand.New(rand.NewPCG(uint64(step), 1))} {
					again := openRig(t, d.crash(rnd))
					again.want(want...)
					if len(again.told) > 0 {
						t.Errorf("%s failed: told of %+v", op, again.told)
					}
				}
				r.want(want...)()
				r.wantEmpty()
			}
			for _, op := range []string{"write", "sync"} {
				if !failed[op] {
					t.Errorf("lasting %v, fresh %v: only %v failed", lasting, fresh, failed)
				}
			}
		}
	}
}

// A damaged position costs repetitions and nothing else: no more than what was delivered since the one before it.
func TestPositionDamaged(t *testing.T) {
	d := newMemDisk()
	r := openRig(t, d)
	r.append("a", "b", "c")
	for range 2 {
		rec, err := r.reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		r.Done(rec.Seq + 1)
		if err := r.SavePosition(); err != nil {
			t.Fatal(err)
		}
	}
	r.Close()
	openRig(t, d.crash(nil)).want("c")
	again := 0
	for off := range d.names[positionName].data {
		hurt := d.crash(nil)
		hurt.names[positionName].data[off] ^= 0x10
		got, _ := openRig(t, hurt).read()
		if len(got) == 2 {
			again++
		}
		if got[len(got)-1] != "c" || len(got) > 2 {
			t.Fatalf("byte %d: read %q", off, got)
		}
	}
	if again != len(positionText(0)) {
		t.Errorf("%d of the bytes matter, want those of one slot's text", again)
	}
	for off := range len(positionText(0)) {
		hurt := d.crash(nil)
		clear(hurt.names[positionName].data[off:])
		got, _ := openRig(t, hurt).read()
		if got[len(got)-1] != "c" {
			t.Fatalf("cut at %d: read %q", off, got)
		}
	}
}

// Whatever the clock says of a record that an earlier process wrote, its age is no less than nothing; and it does not
// touch those of this process.
func TestClockSteps(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		now := time.Now()
		s := &segment{}
		s.add(1, 1, before(now, now.Add(step).UnixMilli()))
		if age := s.age(now, now.Add(step).UnixMilli()); age != max(0, -step) && (age-max(0, -step)).Abs() > time.Millisecond {
			t.Errorf("written %v from now: age %v", step, age)
		}
		own := &segment{}
		own.add(1, 1, now) // by the clock that does not jump
		later := now.Add(time.Minute)
		if age := own.age(later, now.Add(step).UnixMilli()); age != time.Minute {
			t.Errorf("stepped by %v: age %v, want a minute", step, age)
		}
	}
}

// What processes whose clocks were an hour off have left is read like anything else, and what follows it too; nobody's
// age is less than nothing.
func TestClockStepsBetweenProcesses(t *testing.T) {
	const each = 800 // fits into the log
	read := 0
	for _, steps := range [][]time.Duration{{time.Hour, -time.Hour, 0}, {-time.Hour, time.Hour, 0}} {
		d := newMemDisk()
		seq := uint64(1)
		for i, step := range steps {
			name := segmentName(uint32(i+1), seq, 5)
			var data []byte
			for range each {
				data = appendFrame(data, 5, seq, time.Now().Add(step), 1, []byte("a"))
				seq++
			}
			d.names[name] = &inode{data: data}
		}
		r := openRig(t, d)
		r.append("b")
		if st := r.Stats(); st.Records != int64(len(steps)*each+1) || st.Oldest < 0 || st.Oldest > 2*time.Hour {
			t.Errorf("%+v", st)
		}
		for {
			rec, err := r.reader.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || rec.Age < 0 || rec.Age > 2*time.Hour {
				t.Fatalf("record %d: age %v, %v", rec.Seq, rec.Age, err)
			}
			read++
			r.Done(rec.Seq + 1)
		}
		r.wantEmpty()
		if len(r.told) > 0 {
			t.Errorf("told of %+v", r.told)
		}
	}
	t.Logf("%d records, 0 lost", read)
	if read != 2*(3*each+1) {
		t.Errorf("%d records", read)
	}
}
