package container

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/source/container/containertest"
	"github.com/logferry/logferry/source/record"
)

// padded is line i of 1,000 bytes.
func padded(i int) string { return fmt.Sprintf("%06d %s", i, strings.Repeat("x", 992)) }

// An engine's reader that waits for us while a worker sends what was open leaves
// out the files that are rotated meanwhile. Little is left of the one it reads and
// of the last one, so that how fast that comes says nothing.
func TestStallBesideTask(t *testing.T) {
	const file = 2048 // lines
	bubbleOf(t, containertest.Config{ReadAhead: 16, Buffer: 4096}, func(r *rig) {
		r.cfg.Multiline = record.Multiline{Rule: record.Java()}
		c := r.run(containertest.Spec{Driver: "local", MaxSize: 2 << 20, MaxFiles: 10})
		for i := range file - 130 {
			c.Print(padded(i))
		}
		r.start()
		r.settle(5 * time.Second)
		r.receiver.Hold()
		r.receiver.SetRoom(1)
		r.run(containertest.Spec{}).Print("fills the room")
		r.settle(5 * time.Second)
		c.Print("java.lang.RuntimeException: that goes on, perhaps")
		r.settle(5 * time.Second)
		if n := r.receiver.Waiting(); n != 1 {
			t.Fatalf("%d batches wait, want what was open", n)
		}
		for i := range 130 + file + 20 {
			c.Print(padded(file - 130 + i))
		}
		r.settle(time.Minute)
		r.receiver.Release()
		r.receiver.SetRoom(0)
		r.settle(time.Minute)
		r.check(c, retained(c))
	})
}

// What is read again to find the message that was delivered last does not make a
// silent container one that writes fast.
func TestAnchorIsNoHaste(t *testing.T) {
	bubble(t, containertest.Gen26, func(r *rig) {
		c := r.run(containertest.Spec{MaxSize: 2 << 20, MaxFiles: 2})
		for i := range 1500 {
			c.Print(padded(i))
		}
		r.start()
		r.settle(10 * time.Second)
		before := r.engine.Stats().Requests
		r.settle(time.Minute)
		after := r.engine.Stats().Requests
		if n := after[containertest.Logs] - before[containertest.Logs]; n != 0 {
			t.Errorf("the log of a silent container was asked for %d times in a minute", n)
		}
		r.check(c, retained(c))
	})
}

// A worker that sends what was open finds that the stream was lost: its task goes
// on from what was delivered.
func TestLostBesideTask(t *testing.T) {
	generations(t, func(r *rig) {
		r.cfg.Multiline = record.Multiline{Rule: record.Java()}
		c := r.run(containertest.Spec{})
		c.Print("first")
		r.start()
		r.settle(5 * time.Second)
		r.receiver.Hold()
		c.Write(containertest.Stdout, []byte("second\njava.lang.RuntimeException: x\n"))
		r.settle(100 * time.Millisecond)
		for _, p := range r.receiver.Held() {
			p.Lose(nil)
		}
		r.receiver.Release()
		r.settle(5 * time.Second)
		c.Print("last")
		r.settle(5 * time.Second)
		r.check(c, retained(c))
	})
}
