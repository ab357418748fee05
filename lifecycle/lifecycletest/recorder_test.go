package lifecycletest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// recorder is a testing.TB that keeps errors and cleanups to itself.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	errors   []string
	cleanups []func()
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

// end runs the cleanups as package testing does.
func (r *recorder) end() {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
}

// want checks that there was an error that contains every one of texts; none: that there was no error.
func (r *recorder) want(t *testing.T, texts ...string) {
	t.Helper()
	all := strings.Join(r.errors, "\n")
	if len(texts) == 0 && all != "" {
		t.Errorf("unexpected:\n%s", all)
	}
	for _, text := range texts {
		if !strings.Contains(all, text) {
			t.Errorf("no %q in:\n%s", text, all)
		}
	}
}
