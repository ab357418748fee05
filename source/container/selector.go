package container

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/logferry/logferry/internal/labelset"
)

// A selector says which containers are followed, and what their entries tell of
// them. Safe for concurrent use.
type selector struct {
	plan     *plan
	own      []string // ids of containers that this process runs in
	register *register
	log      *slog.Logger
}

// newSelector returns a selector for one Run. The register is that of the Source.
func newSelector(p *plan, r *register, log *slog.Logger) *selector {
	s := &selector{plan: p, register: r, log: log}
	if !p.IncludeSelf {
		s.own = ownIDs()
	}
	return s
}

// A standing is what is known of a container beside what the engine says of it
// now. Match.State is a condition for becoming followed, not for staying so:
// what a container says last would be lost otherwise.
type standing int

const (
	// unknown: it is there.
	unknown standing = iota
	// hasRun: it was seen to be started, and may have ended since.
	hasRun
	// followed: it was admitted before, whatever its state was then.
	followed
)

// match reports whether a container of a list is worth waking. The answer
// changes with its name and state only.
func (s *selector) match(c *summary, st standing) bool {
	if slices.Contains(s.own, c.id) || s.optsOut(c) {
		return false
	}
	return s.accepts(c, st, c.state) || st == hasRun && s.accepts(c, st, "running")
}

// admit reports whether a container is followed, and who it is then.
func (s *selector) admit(d *details, st standing) (who, bool) {
	if !s.match(&d.summary, st) {
		return who{}, false
	}
	w, overflow := s.register.identify(s.plan, &d.summary)
	if overflow {
		s.log.Warn("too many different label sets: what is new from now on gets the value "+labelset.Other,
			slog.Int("label sets", s.plan.MaxLabelSets), slog.String("container", d.name), slog.String("id", d.id))
	}
	return w, true
}

// optsOut reports whether a label of c asks for it to be left out.
func (s *selector) optsOut(c *summary) bool {
	switch strings.ToLower(strings.TrimSpace(c.labels[s.plan.OptOut])) {
	case "false", "0", "no", "off":
		return true
	default:
		return false
	}
}

// accepts holds c, as if in the given state, against Include and Exclude.
func (s *selector) accepts(c *summary, st standing, state string) bool {
	for i := range s.plan.exclude {
		x := &s.plan.exclude[i]
		if (x.state == "" || x.state == state && st != followed) && x.fits(c) {
			return false
		}
	}
	if len(s.plan.include) == 0 {
		return true
	}
	for i := range s.plan.include {
		x := &s.plan.include[i]
		if (x.state == "" || x.state == state || st == followed) && x.fits(c) {
			return true
		}
	}
	return false
}
