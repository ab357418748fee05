package lokitest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
)

// A graveyard is a dead letter that remembers what it was given.
type graveyard struct {
	mu      sync.Mutex
	reasons map[[2]int]string // by stream and number
	repeats int               // that were given more than once
	strange []string          // what it does not know what to make of
}

func newGraveyard() *graveyard { return &graveyard{reasons: map[[2]int]string{}} }

func (g *graveyard) Write(_ context.Context, b *batch.Batch) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range b.Entries {
		e := &b.Entries[i]
		stream, n, err := place(e.Line)
		if err != nil {
			g.strange = append(g.strange, err.Error())
			continue
		}
		if _, again := g.reasons[[2]int{stream, n}]; again {
			g.repeats++
		}
		g.reasons[[2]int{stream, n}] = reasonOf(e)
	}
	return nil
}

func (g *graveyard) Close(context.Context) error { return nil }

// reasonOf returns what the pipeline says about a dead letter.
func reasonOf(e *batch.Entry) string {
	for _, a := range e.Attrs {
		if a.Key == pipeline.DeadLetterReason {
			return a.Value
		}
	}
	return ""
}

// check fails the test unless exactly those lines of the script are here that
// have a flaw, each with a reason that names it; of those that are too far
// behind, the ones that late does not have. It returns how often one came that
// was here already, or is in late, too.
func (g *graveyard) check(t *testing.T, s *script, late map[[2]int]bool) (repeats int) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	var problems problems
	for _, text := range g.strange {
		problems.add("dead letter: %s", text)
	}
	counts := map[string]int{}
	for stream, lines := range s.lengths {
		for n := range lines {
			reason, here := g.reasons[[2]int{stream, n}]
			if late[[2]int{stream, n}] {
				if here {
					g.repeats++
				}
				continue
			}
			switch f := s.flaw(stream, n); {
			case f == nil && here:
				problems.add("%s line %d is valid and was refused: %s", s.name(stream), n, reason)
			case f != nil && !here:
				problems.add("%s line %d is %s and is no dead letter", s.name(stream), n, f.name)
			case f != nil && !strings.Contains(reason, f.reason):
				problems.add("%s line %d is %s; its reason is %q", s.name(stream), n, f.name, reason)
			case f != nil:
				counts[f.name]++
			}
		}
	}
	problems.report(t)
	t.Logf("dead letters: %v, and %d again", counts, g.repeats)
	return g.repeats
}

// problems are what is wrong, of which a test shows the first few.
type problems struct {
	first []string
	total int
}

func (p *problems) add(format string, args ...any) {
	const shown = 10
	if p.total++; p.total <= shown {
		p.first = append(p.first, fmt.Sprintf(format, args...))
	}
}

func (p *problems) report(t *testing.T) {
	t.Helper()
	if p.total > 0 {
		t.Errorf("%d problems, the first of them:\n%s", p.total, strings.Join(p.first, "\n"))
	}
}
