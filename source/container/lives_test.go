package container

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/source/container/containertest"
)

// Thousands of containers come and go, with lives of 50 ms and more, while streams
// are cut, the engine is restarted and its clock is set: of each the engine's log
// is delivered, once and in order, and nothing of it is left afterwards. A label
// set for each would be no bound, so there is one.
func TestLives(t *testing.T) {
	total := 300
	if os.Getenv("LOGFERRY_SOAK") != "" {
		total = 10_000
	}
	for _, gen := range []containertest.Generation{containertest.Gen26, containertest.Gen20} {
		t.Run(gen.String(), func(t *testing.T) {
			bubble(t, gen, func(r *rig) { newTown(r, total).run() })
		})
	}
}

// perWave is how many lives begin until all is looked at.
const perWave = 100

// A town is an engine whose containers come and go.
type town struct {
	*rig
	*tally
	*doom
	total int
	born  int
	alive []*mortal
	dead  []*mortal // not removed by the test yet
	birth time.Time // the next one
	lines int
	whole int // that were removed by the engine, and delivered to their last line
	auto  int
}

func newTown(r *rig, total int) *town {
	w := &town{rig: r, tally: newTally(), doom: newDoom(r.engine), total: total}
	r.into = w.tally
	r.cfg.MaxLabelSets = total / 10
	return w
}

func (w *town) run() {
	empty := w.holds()
	w.start()
	w.settle(time.Minute)
	base := w.least()
	var quarters []sample
	for w.born < w.total {
		// At first nothing goes wrong.
		w.wave(perWave, w.born > 0)
		if got := w.least(); got != base {
			w.Errorf("after %d lives %+v are held, %+v at first", w.born, got, base)
		}
		w.forgotten()
		if w.born >= w.total*(len(quarters)+1)/4 {
			w.clamour()
			quarters = append(quarters, sample{w.born, inUse()})
		}
	}
	w.flat(quarters)
	w.bounded()
	if w.hits < w.total/10 {
		w.Errorf("%d breaks, want %d", w.hits, w.total/10)
	}
	s := w.engine.Stats()
	w.stop()
	if got := w.holds(); got != empty {
		w.Errorf("after the end %+v are held, %+v before the beginning", got, empty)
	}
	w.Logf("%d lives, %d lines, %d breaks, %d restarts, %d clock steps, %d removed by the engine, %d of them delivered whole; %+v held; memory %+v; %d bytes logged; %d label sets; requests %v",
		w.born, w.lines, w.hits, w.restarts, w.steps, w.auto, w.whole, base, quarters, w.logged.text.Len(), len(w.sets), s.Requests)
}

// wave lets n containers live, and judges them.
func (w *town) wave(n int, troubled bool) {
	w.birth = time.Now()
	w.begin(troubled)
	for last := w.born + n; w.born < last || len(w.alive) > 0; {
		w.await(w.born < last)
		if w.decide(w.someone()) {
			for _, m := range w.alive {
				m.Start()
			}
		}
		now := time.Now()
		if w.up() && w.born < last && len(w.alive) < 50 && !now.Before(w.birth) {
			w.bear()
		}
		w.live(now)
		w.bury(false)
	}
	w.end()
	for range 30 { // what was struck with silence is found out within minutes
		if w.bury(false); len(w.dead) == 0 {
			break
		}
		w.settle(10 * time.Second)
	}
	w.bury(true)
	w.settle(10 * time.Second)
}

// await lets time pass until something is to be done.
func (w *town) await(births bool) {
	next := w.due()
	if births && w.up() && len(w.alive) < 50 && w.birth.Before(next) {
		next = w.birth
	}
	for _, m := range w.alive {
		if w.moves() && m.next.Before(next) {
			next = m.next
		}
	}
	time.Sleep(time.Until(next))
}

func (w *town) someone() *mortal {
	if len(w.alive) == 0 {
		return nil
	}
	return w.alive[w.rnd.IntN(len(w.alive))]
}

func (w *town) bear() {
	w.born++
	m := newMortal(w.rnd, w.engine, w.born)
	w.alive = append(w.alive, m)
	w.birth = time.Now().Add(time.Duration(w.rnd.ExpFloat64() * float64(100*time.Millisecond)))
}

// live has everybody do what is due.
func (w *town) live(now time.Time) {
	w.alive = slices.DeleteFunc(w.alive, func(m *mortal) bool {
		if !m.next.After(now) && w.moves() {
			m.act(now)
		}
		if m.over {
			w.dead = append(w.dead, m)
		}
		return m.over
	})
}

// bury judges and removes those that have been read to their end, or all. Some
// stay until all others have died.
func (w *town) bury(all bool) {
	if !w.up() {
		return
	}
	w.dead = slices.DeleteFunc(w.dead, func(m *mortal) bool {
		gone := w.engine.Container(m.ID()) == nil
		if !gone && m.kept == nil {
			m.kept = retained(m.Container)
		}
		if !all && (gone || m.lingers && len(w.alive) > 0 || !w.read(m)) {
			return false
		}
		w.judge(m, gone)
		m.Remove()
		w.drop(m.ID())
		return true
	})
}

// read reports whether all that the engine has of m was delivered, as far as the
// last line tells.
func (w *town) read(m *mortal) bool {
	got := w.of(m.ID())
	if len(got) < len(m.kept) {
		return false
	}
	return len(m.kept) == 0 || same(got[len(got)-1], m.kept[len(m.kept)-1])
}

// judge compares what was delivered of m with what the engine has, or had when it
// was asked last.
func (w *town) judge(m *mortal, gone bool) {
	got, want := w.of(m.ID()), m.kept
	w.lines += len(got)
	if gone {
		w.auto++
		if len(got) == len(m.written) {
			w.whole++
		} else if !w.troubled && m.spec.MaxSize == 0 && (w.gen == containertest.Gen26 || m.spec.Driver == "json-file") {
			w.Errorf("%v: %d lines delivered of %d, and nothing was broken", m, len(got), len(m.written))
		}
		want = m.written[:min(len(got), len(m.written))]
		if m.spec.MaxSize > 0 { // some had been rotated away
			want = got
		}
	}
	if more := len(got) - len(want); more > 0 && m.spec.MaxSize > 0 {
		got = got[more:] // delivered before they were rotated away
	}
	if n := len(got); gone && n > 0 && n == len(want) && m.cutShort(got[n-1], want[n-1]) {
		got, want = got[:n-1], want[:n-1]
	}
	if len(got) != len(want) || !slices.EqualFunc(got, want, same) {
		w.Errorf("%v, gone %t: %d lines delivered, want %d: %s", m, gone, len(got), len(want), difference(got, want))
	}
	m.ordered(w.TB, w.of(m.ID()))
}

// A sample is what was in use after so many lives.
type sample struct {
	lives int
	memory
}

// clamour has the engine keep as many events as it can, all alike. How many it has
// had since its last restart is chance, and each is four objects.
func (w *town) clamour() {
	const keeps = 256
	c := w.engine.Create(containertest.Spec{Name: "clamour"})
	for i := range keeps {
		c.Rename(fmt.Sprintf("clamour%d", i%2))
	}
	c.Remove()
	w.settle(time.Minute)
}

// flat sees to it that memory does not grow with the lives that have been, not by
// an object for each. What still differs by chance is some label sets, and what
// belongs to one connection more.
func (w *town) flat(quarters []sample) {
	first, last := quarters[0], quarters[len(quarters)-1]
	lives := int64(last.lives - first.lives)
	if last.objects-first.objects > 75+lives/4 || last.bytes-first.bytes > 512<<10+64*lives {
		w.Errorf("memory has grown with the lives: %+v", quarters)
	}
}

// forgotten sees to it that nothing is known any more of those who were removed.
func (w *town) forgotten() {
	if got := w.cursors(); len(got) > 0 {
		w.Errorf("after %d lives there are cursors of %d", w.born, len(got))
	}
	if got := w.src.Stats(); len(got) > 0 {
		w.Errorf("after %d lives %d are shown", w.born, len(got))
	}
}

// bounded sees to it that there are so many label sets, and that entries whose
// labels say less say more in their attributes.
func (w *town) bounded() {
	// Those that stand for others have an image and a service that are known.
	if most := w.cfg.MaxLabelSets + images*services; len(w.sets) > most {
		w.Errorf("%d label sets, want %d at most", len(w.sets), most)
	}
	if w.others == 0 || w.unsaid > 0 {
		w.Errorf("%d entries of containers whose label is \"other\", %d of which do not name it", w.others, w.unsaid)
	}
	if got := w.logged.lines("label sets"); len(got) > 1 {
		w.Errorf("it is told %d times that there are too many label sets", len(got))
	}
	if n := strings.Count(w.logged.text.String(), "\n"); n > 10+w.hits {
		w.Errorf("%d lines in the log for %d breaks", n, w.hits)
	}
}
