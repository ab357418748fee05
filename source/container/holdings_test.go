package container

import (
	"runtime"
	"strings"
	"sync"
	"testing/synctest"
	"time"
)

// Holdings are what a source holds, and the engine on its behalf. They are
// exact: between two moments at which nothing happens nothing of it may differ.
type holdings struct {
	goroutines int // of the bubble: tasks, those of connections at both ends, the test's
	tasks      int // in the supervisor's tree
	conns      int // each of which is a descriptor, where it is a socket
	followers  int
	streams    int // that the engine has open: logs that are followed, and events
}

// holds returns what is held now.
func (r *rig) holds() holdings {
	synctest.Wait()
	s := r.engine.Stats()
	h := holdings{goroutines: goroutines(), conns: s.Conns, streams: s.Follows + s.EventStreams}
	if r.super != nil {
		h.tasks, h.followers = len(r.super.Running()), len(r.src.Stats())
	}
	return h
}

// goroutines counts those of the bubble that the caller is in. The runtime's own
// count is of all, and not exact.
func goroutines() int {
	buf := make([]byte, 1<<20)
	n := runtime.Stack(buf, true)
	for n == len(buf) {
		buf = make([]byte, 2*len(buf))
		n = runtime.Stack(buf, true)
	}
	all := string(buf[:n])
	own, _, _ := strings.Cut(all, "\n") // the first is the caller
	at := strings.Index(own, ", synctest bubble ")
	if at < 0 {
		panic("not in a bubble: " + own)
	}
	mark := strings.TrimRight(own[at:], "]:")
	mark, _, _ = strings.Cut(mark, " labels")
	return strings.Count(all, mark+"]") + strings.Count(all, mark+" labels")
}

// least returns the least of each that is held within the time in which a source
// at rest has done all that it does again and again but a verification: what has
// leaked is held at every moment. Connections that were used are let go after a
// few seconds of it.
func (r *rig) least() holdings {
	low := r.holds()
	for range int(r.src.plan.Relist/time.Second) + 5 {
		r.settle(time.Second)
		h := r.holds()
		low.goroutines, low.tasks, low.conns = min(low.goroutines, h.goroutines), min(low.tasks, h.tasks), min(low.conns, h.conns)
		low.followers, low.streams = min(low.followers, h.followers), min(low.streams, h.streams)
	}
	return low
}

// Memory is what there is in use.
type memory struct{ bytes, objects int64 }

// inUse returns what is left after a collection. What the runtime keeps for itself
// differs by chance, and is brought to the same each time: what each processor keeps
// goes with it, and of goroutines that have ended there are more than were ever needed.
func inUse() memory {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	crowd(1000)
	for range 3 { // what a pool has lives through one, and finalizers for another
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return memory{int64(m.HeapAlloc), int64(m.HeapObjects)}
}

// crowd runs n goroutines that all wait at the same time.
func crowd(n int) {
	var all sync.WaitGroup
	gate := make(chan struct{})
	for range n {
		all.Go(func() { <-gate })
	}
	synctest.Wait()
	close(gate)
	all.Wait()
}
