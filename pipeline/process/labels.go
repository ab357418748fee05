package process

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/labelset"
)

// A LabelsConfig says what becomes of labels. Its fields are applied in the order in
// which they stand here, so that later ones go by new names. One must be set.
type LabelsConfig struct {
	// Rename gives labels new names, by their old ones. A label that has the new
	// name is replaced.
	Rename map[string]string
	// Set are labels that every entry gets, in place of those of the same name.
	Set map[string]string
	// Demote lists labels that become attributes: what has too many values for a
	// label, such as the name of a pod.
	Demote []string
	// Drop lists labels that are removed. Here and in Keep and Demote, a '*' at the
	// end stands for whatever follows: "k8s_*".
	Drop []string
	// Keep lists the only labels that stay. Nil: all do.
	Keep []string
	// Values list the only values that labels may have, by their names; what has
	// another one gets "other".
	Values map[string][]string
}

// A Labeler changes labels. [Labels] makes one; all methods may be called concurrently.
//
// What it makes of a label set it remembers, so that an entry costs a look-up.
type Labeler struct {
	cfg LabelsConfig

	mu    sync.RWMutex
	known map[batch.Labels]relabelled
}

// relabelled is what a label set becomes.
type relabelled struct {
	set     batch.Labels
	demoted []batch.Attr
}

// maxKnown is how many label sets a Labeler remembers. Sources bound how many there
// are; beyond it begins anew.
const maxKnown = 10_000

// Labels returns a Labeler. Its error names each field that makes no sense.
func Labels(cfg LabelsConfig) (*Labeler, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := LabelsConfig{
		Rename: maps.Clone(cfg.Rename), Set: maps.Clone(cfg.Set), Demote: slices.Clone(cfg.Demote),
		Drop: slices.Clone(cfg.Drop), Keep: slices.Clone(cfg.Keep), Values: map[string][]string{},
	}
	for name, values := range cfg.Values {
		c.Values[name] = slices.Clone(values)
	}
	return &Labeler{cfg: c, known: map[batch.Labels]relabelled{}}, nil
}

func (c *LabelsConfig) validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("process: Labels: "+format, args...)) }
	if len(c.Rename)+len(c.Set)+len(c.Demote)+len(c.Drop)+len(c.Values) == 0 && c.Keep == nil {
		wrong("Rename, Set, Demote, Drop, Keep, Values: none of them says what to do")
	}
	to := map[string]string{}
	for _, old := range slices.Sorted(maps.Keys(c.Rename)) {
		name := c.Rename[old]
		if !batch.ValidName(old) || !batch.ValidName(name) {
			wrong("Rename: %q to %q: %w", old, name, errName)
		}
		if other, twice := to[name]; twice {
			wrong("Rename: %q and %q both become %q", other, old, name)
		}
		to[name] = old
	}
	if _, err := batch.NewLabels(c.Set); err != nil {
		wrong("Set: %w", err)
	}
	for _, list := range []struct {
		field string
		names []string
	}{{"Demote", c.Demote}, {"Drop", c.Drop}, {"Keep", c.Keep}, {"Values", slices.Sorted(maps.Keys(c.Values))}} {
		for _, name := range list.names {
			if head, star := strings.CutSuffix(name, "*"); !batch.ValidName(head) && !(star && head == "" && list.field != "Keep") || star && list.field == "Values" {
				wrong("%s: %q: %w", list.field, name, errName)
			}
		}
	}
	return errors.Join(errs...)
}

// Process is that of pipeline.Processor.
func (x *Labeler) Process(_ context.Context, b *batch.Batch) error {
	base := x.of(b.Labels)
	last, becomes := b.Labels, base
	hidden := base.set != (batch.Labels{}) && x.empties(b)
	for i := range b.Entries {
		e := &b.Entries[i]
		if own := e.Labels; own == (batch.Labels{}) {
			addAttrs(b, e, base.demoted...)
			if hidden {
				e.Labels = base.set
			}
			continue
		} else if own != last {
			last, becomes = own, x.of(own)
		}
		e.Labels = becomes.set
		addAttrs(b, e, becomes.demoted...)
	}
	if b.Labels = base.set; hidden {
		b.Labels = batch.Labels{}
	}
	return nil
}

// empties reports whether an entry with labels of its own will have none, which
// means those of its batch: these must go to the entries then.
func (x *Labeler) empties(b *batch.Batch) bool {
	var last batch.Labels
	for i := range b.Entries {
		if own := b.Entries[i].Labels; own != last && own != (batch.Labels{}) {
			if last = own; x.of(own).set == (batch.Labels{}) {
				return true
			}
		}
	}
	return false
}

// of returns what l becomes.
func (x *Labeler) of(l batch.Labels) relabelled {
	x.mu.RLock()
	r, ok := x.known[l]
	x.mu.RUnlock()
	if ok {
		return r
	}
	r = x.cfg.apply(l)
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.known) >= maxKnown {
		clear(x.known)
	}
	x.known[l] = r
	return r
}

func (c *LabelsConfig) apply(l batch.Labels) (r relabelled) {
	m := map[string]string{}
	for name, value := range l.All() {
		if _, renamed := c.Rename[name]; !renamed {
			m[name] = value
		}
	}
	for old, name := range c.Rename {
		if value := l.Get(old); value != "" {
			m[name] = value
		}
	}
	maps.Copy(m, c.Set)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		demoted := isIn(c.Demote, name)
		if demoted && m[name] != "" {
			r.demoted = append(r.demoted, batch.Attr{Key: name, Value: m[name]})
		}
		if demoted || isIn(c.Drop, name) || c.Keep != nil && !isIn(c.Keep, name) {
			delete(m, name)
		} else if values, bounded := c.Values[name]; bounded && m[name] != "" && !slices.Contains(values, m[name]) {
			m[name] = labelset.Other
		}
	}
	set, err := batch.NewLabels(m)
	if err != nil {
		panic(err) // all names and values were valid before
	}
	r.set = set
	return r
}

// isIn reports whether a list of names, some of which end in '*', has name.
func isIn(list []string, name string) bool {
	return slices.ContainsFunc(list, func(n string) bool {
		head, star := strings.CutSuffix(n, "*")
		return n == name || star && strings.HasPrefix(name, head)
	})
}
