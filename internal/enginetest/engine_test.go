package enginetest_test

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/internal/enginetest"
)

// onEach runs a test with the shared engine of each version, at the same time.
func onEach(t *testing.T, test func(t *testing.T, e *enginetest.Engine)) {
	t.Helper()
	for _, version := range enginetest.Need(t) {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			test(t, engines.Engine(t, version))
		})
	}
}

func TestEngineIsOfItsVersion(t *testing.T) {
	onEach(t, func(t *testing.T, e *enginetest.Engine) {
		version := strings.Split(t.Name(), "/")[1]
		if e.Version() != version {
			t.Errorf("engine %s is called %s", version, e.Version())
		}
		if got := serverVersion(t, e); !strings.HasPrefix(got, version+".") {
			t.Errorf("engine %s says it is %s", version, got)
		}
		if used := e.CPU(t); used <= 0 || used > time.Hour {
			t.Errorf("it has used %v of CPU", used)
		}
		if again := engines.Engine(t, version); again != e {
			t.Error("another engine of the same version")
		}
	})
}

// What runs when the engine ends runs on, and what it writes meanwhile is there when the engine is back.
func TestContainersOutliveTheEnginesProcess(t *testing.T) {
	for name, again := range map[string]func(*enginetest.Engine, testing.TB){
		"restart": (*enginetest.Engine).Restart,
		"kill":    (*enginetest.Engine).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, e *enginetest.Engine) {
				c := e.Run(t, enginetest.Spec{Script: enginetest.Script{Lines: -1, Burst: 1, Every: 10 * time.Millisecond}})
				count := func() int { return len(c.Retained(t)) }
				await(t, "lines", func() bool { return count() > 10 })

				pid, host, used := e.Pid(t), e.Host(), e.CPU(t)
				again(e, t)
				if e.Pid(t) == pid || e.Host() != host {
					t.Errorf("process %d at %s has become %d at %s", pid, host, e.Pid(t), e.Host())
				}
				if now := e.CPU(t); now < used {
					t.Errorf("%v of CPU have become %v", used, now)
				}
				before := count()
				await(t, "more lines", func() bool { return count() > before+10 })
				c.Stop(t, time.Minute)
				var l enginetest.Ledger
				for _, line := range c.Retained(t) {
					l.Take(c.ID, line.Output, false, line.Text)
				}
				// What an engine has read and not yet written dies with it.
				if v := l.Verdict(); v.Err() != nil || v.Skipped > 0 && name != "kill" {
					t.Errorf("%d lines, and %d between them missing: %v", v.Lines, v.Skipped, v.Err())
				}
			})
		})
	}
}

func TestWhatIsAskedOfAStoppedEngineWaits(t *testing.T) {
	onEach(t, func(t *testing.T, e *enginetest.Engine) {
		c := e.Run(t, enginetest.Spec{Script: enginetest.Script{Live: -1}})
		exit := make(chan int, 1)
		go func() { exit <- c.Wait(t) }()
		e.Stop(t)
		e.Stop(t)
		if _, err := net.Dial("unix", strings.TrimPrefix(e.Host(), "unix://")); err == nil {
			t.Error("a stopped engine listens")
		}
		status := make(chan string, 1)
		go func() { status <- c.Status(t) }()
		select {
		case s := <-status:
			t.Errorf("a stopped engine says %s", s)
		case <-time.After(50 * time.Millisecond):
		}
		e.Start(t)
		e.Start(t)
		if s := <-status; s != "running" {
			t.Errorf("status %s", s)
		}
		c.Stop(t, time.Minute)
		if code := <-exit; code != 2 {
			t.Errorf("exit code %d, want what the program ends with at SIGTERM", code)
		}
	})
}

// Containers come and go on many goroutines while the engine is restarted: what is asked of it waits, and nothing fails.
func TestManyAtOnceAcrossRestarts(t *testing.T) {
	onEach(t, func(t *testing.T, e *enginetest.Engine) {
		var wg sync.WaitGroup
		done := make(chan struct{})
		for range 4 {
			wg.Go(func() {
				for range 4 {
					c := e.Run(t, enginetest.Spec{Script: enginetest.Script{Lines: 5, Live: 100 * time.Millisecond, Exit: 9}})
					if exit := c.Wait(t); exit != 9 {
						t.Errorf("exit code %d", exit)
					}
					c.Remove(t)
				}
			})
		}
		go func() {
			wg.Wait()
			close(done)
		}()
		for range 2 {
			e.Restart(t)
			e.Kill(t)
		}
		<-done
	})
}

// await waits for a condition, which is checked again and again.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no ", what)
		}
	}
}
