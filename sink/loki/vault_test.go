package loki

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// A vault is what a Loki keeps. Of equal lines at the same nanosecond of a stream it keeps one.
type vault struct {
	maxLine int // longer ones are refused; zero: none are

	mu      sync.Mutex
	kept    map[string][]string // by stream, in the order they came first
	times   map[string]int      // how often each line came
	refused map[string]bool
}

func newVault() *vault {
	return &vault{kept: map[string][]string{}, times: map[string]int{}, refused: map[string]bool{}}
}

// vaultKey is stream, time and line.
func vaultKey(labels string, at time.Time, line string) string {
	return fmt.Sprintf("%s %d %s", labels, at.UnixNano(), line)
}

// store keeps what a request holds, and returns how many lines of it were refused.
func (v *vault) store(streams []pushedStream) (refused int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range streams {
		for _, e := range s.entries {
			key := vaultKey(s.labels, e.time, e.line)
			if v.maxLine > 0 && len(e.line) > v.maxLine {
				v.refused[key] = true
				refused++
				continue
			}
			if v.times[key]++; v.times[key] == 1 {
				v.kept[s.labels] = append(v.kept[s.labels], e.line)
			}
		}
	}
	return refused
}

func (v *vault) has(e *batch.Entry, l batch.Labels) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.times[vaultKey(l.String(), e.Time, string(e.Line))] > 0
}

// hasRefused reports whether e came and was refused.
func (v *vault) hasRefused(e *batch.Entry, l batch.Labels) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.refused[vaultKey(l.String(), e.Time, string(e.Line))]
}

// lines returns what is kept of a stream.
func (v *vault) lines(l batch.Labels) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.kept[l.String()])
}

// size returns how many entries are kept, and how many came again after they had been.
func (v *vault) size() (entries, repeated int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for n := range maps.Values(v.times) {
		repeated += n - 1
	}
	return len(v.times), repeated
}

// believe fails the test if err calls an entry of b delivered that is not kept.
func (v *vault) believe(t testing.TB, b *batch.Batch, err error) {
	t.Helper()
	failed := failedIndices(t, err, len(b.Entries))
	for i := range b.Entries {
		if _, said := slices.BinarySearch(failed, i); !said && !v.has(&b.Entries[i], b.LabelsOf(i)) {
			t.Errorf("entry %d of %d is said to be delivered, and is not there: %v", i, len(b.Entries), err)
			return
		}
	}
}

// noise makes a batch of n lines of size bytes that do not compress.
func noise(seed uint64, l batch.Labels, n, size int) *batch.Batch {
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	b := batch.New(nil, l)
	line := make([]byte, size)
	for i := range n {
		_, _ = random.Read(line)
		b.Append(start.Add(time.Duration(i)), line)
	}
	return b
}
