package lifecycletest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/lifecycle/lifecycletest"
)

func leakyGoroutine(release <-chan struct{}) { <-release }

func TestNoLeakCatchesALeak(t *testing.T) {
	for name, in := range map[string]func(*testing.T, func(*testing.T)){
		"bubble":    synctest.Test,
		"real time": func(t *testing.T, f func(*testing.T)) { f(t) },
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				r := &recorder{TB: t}
				release := make(chan struct{})
				defer close(release)
				lifecycletest.NoLeak(r)
				go leakyGoroutine(release)
				r.end()
				r.want(t, "left 1 goroutines behind", "leakyGoroutine", "noleak_test.go")
			})
		})
	}
}

// What was there before is not the test's, and what is about to end is given the time.
func TestNoLeakIsPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{TB: t}
		release := make(chan struct{})
		defer close(release)
		go leakyGoroutine(release)
		synctest.Wait()
		lifecycletest.NoLeak(r)
		go time.Sleep(1700 * time.Millisecond)
		r.end()
		r.want(t)
	})
}

// Other tests' goroutines are not this one's.
func TestNoLeakIgnoresTests(t *testing.T) {
	release, ended := make(chan struct{}), make(chan struct{})
	r := &recorder{TB: t}
	t.Run("group", func(t *testing.T) {
		lifecycletest.NoLeak(r)
		t.Run("parallel", func(t *testing.T) {
			t.Parallel()
			<-release
			close(ended)
		})
		r.end()
		close(release)
	})
	<-ended
	r.want(t)
}
