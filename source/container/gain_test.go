package container

import (
	"fmt"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source/container/containertest"
)

// What was delivered last is found again however much has come since, and whatever became of the clock meanwhile.
func TestTheLastMessageIsFoundAgain(t *testing.T) {
	for _, step := range []time.Duration{0, time.Hour, -time.Hour, -time.Second} {
		t.Run(step.String(), func(t *testing.T) {
			generations(t, func(r *rig) {
				c := r.run(containertest.Spec{})
				n := 0
				write := func(lines int) {
					for range lines {
						c.Print(fmt.Sprintf("line %d", n))
						n++
						time.Sleep(time.Millisecond)
					}
				}
				write(2000)
				r.start()
				r.settle(3 * time.Second)
				for _, lines := range []int{1, 100, 5000} {
					r.stop()
					r.engine.StepClock(step)
					write(lines)
					r.start()
					r.settle(3 * time.Second)
					r.check(c, retained(c))
				}
			})
		})
	}
}

// A log that is not rotated is followed as soon as reading it again would not gain on its writer.
func TestWhenToFollow(t *testing.T) {
	p, err := prepare(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, rotate := range []int64{noRotation, 20 << 20} {
		f := newFollower(&crew{plan: p}, "")
		f.rotate = rotate
		f.track = newTrack(p, func() *batch.Batch { return nil })
		for _, round := range []struct {
			fresh  int
			always bool // whether or not it is rotated
		}{{400_000, true}, {100_000, true}, {60_000, false}, {20_000, true}, {500, false}} {
			f.pace(round.fresh)
			want := round.always || round.fresh >= busy && rotate != noRotation
			if f.gaining != want {
				t.Errorf("rotated at %d, %d messages: gaining is %v", rotate, round.fresh, f.gaining)
			}
		}
	}
}
