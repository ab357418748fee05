package sourcetest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

func TestGoodSources(t *testing.T) {
	for _, s := range []style{following, failing, finite, helped} {
		t.Run(string(s), func(t *testing.T) {
			Run(t, func(t testing.TB) Feed {
				f, _ := newTape(t, s, "")
				return f
			})
		})
	}
}

// A source whose input is gone once it is read.
func TestVolatileSource(t *testing.T) {
	Run(t, func(t testing.TB) Feed {
		lines := make(chan string, 1000)
		return Feed{
			Volatile: true,
			Write: func(all ...string) {
				for _, l := range all {
					lines <- l
				}
			},
			New: func() source.Source {
				return source.Func(func(ctx context.Context, out *source.Outlet) error {
					s, err := out.Open(ctx, "chan", batch.Labels{})
					if err != nil {
						return err
					}
					for {
						select {
						case l := <-lines:
							b := s.NewBatch()
							b.Append(time.Time{}, []byte(l))
							if err := s.Send(ctx, b, ""); err != nil {
								return err
							}
						case <-ctx.Done():
							return nil
						}
					}
				})
			},
		}
	})
}

// Each flaw is found, by the check that is made for it, and with words that
// help.
func TestFlawedSources(t *testing.T) {
	for _, c := range []struct {
		flaw    flaw
		check   string
		message string
	}{
		{skipsAfterLoss, "resumes after a loss", "were not acknowledged, but it went on with line"},
		{skipsAfterLoss, "resumes when all is lost", "were not acknowledged, but it went on with line"},
		{skipsAfterLoss, "stops while it waits for room", "line 4 was skipped"},
		{wrongCursor, "resumes after a loss", "were not acknowledged, but it went on with line"},
		{wrongCursor, "resumes after a restart", "were not acknowledged, but it went on with line"},
		{rewinds, "resumes after a loss", "it went on with line 0"},
		{rewinds, "resumes after a restart", "it went on with line 0"},
		{rewinds, "resumes after another run", "line 0 arrived twice"},
		{neverReopens, "resumes after a loss", "without line 59, the last"},
		{neverReopens, "resumes when all is lost", "without line"},
		{ignoresCtx, "stops while it waits for input", "while it waited for input"},
		{ignoresCtxInSend, "stops while it waits for room", "while its Send waited for room"},
		{leaks, "delivers every line in order", "goroutines behind"},
		{stuckHelper, "stops while it waits for input", "while it waited for input"},
		{keepsMemory, "leaves alone what it has sent", "overwrote a line after it had sent it"},
		{reorders, "delivers every line in order", "out of order"},
		{repeats, "delivers every line in order", "arrived twice"},
		{drops, "delivers every line in order", "was skipped"},
		{trims, "delivers every line in order", "never written"},
		{panics, "delivers every line in order", "Run panicked: flaw"},
		{skipsAfterCut, "stops while it waits for room", "line 4 was skipped"},
	} {
		t.Run(string(c.flaw)+"/"+c.check, func(t *testing.T) {
			i := slices.IndexFunc(checks, func(k check) bool { return k.name == c.check })
			got := fails(t, &checks[i], following, c.flaw)
			if !strings.Contains(got, c.message) {
				t.Errorf("want a failure that says %q, got:\n%s", c.message, got)
			}
		})
	}
}

// fails runs one check on a fake test and returns what it complains of.
func fails(t *testing.T, c *check, s style, f flaw) string {
	fake := &fakeTB{}
	synctest.Test(t, func(t *testing.T) {
		fake.TB = t
		var tp *tape
		fake.run(func() {
			c.try(fake, func(t testing.TB) Feed {
				var feed Feed
				feed, tp = newTape(t, s, f)
				return feed
			}, patience)
		}, func(cleanups int) {
			// What hangs is set free once the kit has given up; what was left behind
			// is there until the last cleanup has looked for it.
			if cleanups == 1 && f != leaks || cleanups == 0 && f == leaks {
				close(tp.stuck)
			}
		})
	})
	return strings.Join(fake.messages, "\n")
}

// A fakeTB takes failures instead of failing.
type fakeTB struct {
	testing.TB
	mu       sync.Mutex
	cleanups []func()
	messages []string
}

// run runs test in a goroutine, which FailNow may end, then its cleanups; it
// tells before each, and at the end, how many are left.
func (f *fakeTB) run(test func(), left func(cleanups int)) {
	f.apart(test)
	for {
		left(len(f.cleanups))
		last := len(f.cleanups) - 1
		if last < 0 {
			return
		}
		do := f.cleanups[last]
		f.cleanups = f.cleanups[:last]
		f.apart(do)
	}
}

func (f *fakeTB) apart(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	<-done
}

func (f *fakeTB) Helper() {}

func (f *fakeTB) Cleanup(do func()) { f.cleanups = append(f.cleanups, do) }

func (f *fakeTB) Error(args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.messages = append(f.messages, fmt.Sprint(args...))
}

func (f *fakeTB) Errorf(format string, args ...any) { f.Error(fmt.Sprintf(format, args...)) }

func (f *fakeTB) Fatal(args ...any) {
	f.Error(args...)
	runtime.Goexit()
}

func (f *fakeTB) Fatalf(format string, args ...any) { f.Fatal(fmt.Sprintf(format, args...)) }

func (f *fakeTB) Skip(args ...any) { runtime.Goexit() }

// What is said is kept short.
func (f *fakeTB) Log(args ...any) {}
