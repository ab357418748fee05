package churn

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"
)

// A load is what this process has of what leaks.
type load struct{ goroutines, descriptors int }

func (l load) String() string {
	return fmt.Sprintf("%d goroutines and %d descriptors", l.goroutines, l.descriptors)
}

// measure returns the load of now.
func measure(t testing.TB) load {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return load{runtime.NumGoroutine(), len(fds) - 1} // the folder is one of them
}

const (
	// calm is how long a load must stay the same to count as that of a source at rest: longer than it keeps idle connections.
	calm = 5 * time.Second
	// unrest is how long it may take to come to rest.
	unrest = 2 * time.Minute
)

// rest returns the load that there is when it does not change any more.
func rest(t testing.TB) load {
	t.Helper()
	last, since := measure(t), time.Now()
	for began := time.Now(); time.Since(since) < calm; time.Sleep(20 * time.Millisecond) {
		if now := measure(t); now != last {
			last, since = now, time.Now()
		}
		if time.Since(began) > unrest {
			t.Fatalf("no rest within %v: %v", unrest, last)
		}
	}
	return last
}

// back waits until the load is what it was, exactly, and returns how long that took.
func back(t testing.TB, to load, after string) time.Duration {
	t.Helper()
	began := time.Now()
	for measure(t) != to {
		if time.Since(began) > unrest {
			var b bytes.Buffer
			pprof.Lookup("goroutine").WriteTo(&b, 1)
			t.Fatalf("after %s: %v, where there were %v\n%s", after, measure(t), to, b.Bytes())
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(began)
}
