package container

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/logferry/logferry/batch"
)

const (
	// maxMaxLine is the largest Config.MaxLine: as much memory may be taken.
	maxMaxLine = 1 << 30
	// maxLabels is one less than Loki takes by default (its
	// max_label_names_per_series is 15), so that a pipeline can add one.
	maxLabels = 14
)

// reserved are names of attributes that the source gives itself.
var reserved = [...]string{attrStream, attrTruncated}

const (
	attrStream    = "stream"
	attrTruncated = "truncated"
)

// A plan is a Config made ready. It is not changed any more.
type plan struct {
	Config
	address          *address
	include, exclude []condition
	labels, attrs    []naming // sorted by name
	// connect makes the engine of a Run: a seam for tests.
	connect func(*address) (engine, error)
}

// A naming says which name a field has in entries.
type naming struct {
	name  string
	field Field
}

// prepare checks every field of cfg. It copies what the caller may change.
func prepare(cfg Config) (*plan, error) {
	p := &plan{Config: cfg, connect: newDocker}
	errs := p.checkNumbers()
	p.setDefaults()
	var err error
	if p.address, err = parseAddress(&p.Config); err != nil {
		errs = append(errs, err)
	}
	var more []error
	p.include, more = conditions("Include", cfg.Include)
	errs = append(errs, more...)
	p.exclude, more = conditions("Exclude", cfg.Exclude)
	errs = append(errs, more...)
	p.labels, p.attrs = namings(p.Labels), namings(p.Attrs)
	errs = append(errs, p.checkLabels()...)
	errs = append(errs, p.checkAttrs()...)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return p, nil
}

// setDefaults fills in what was left out. MaxStreams is never negative afterwards.
func (c *Config) setDefaults() {
	if c.Host == "" && c.Dial == nil {
		c.Host = usualHost()
	}
	setDefault(&c.OptOut, "logferry.collect")
	if c.Labels == nil {
		c.Labels = map[string]Field{"container": "name", "image": "image",
			"compose_project": "compose.project", "compose_service": "compose.service"}
	}
	if c.Attrs == nil {
		c.Attrs = map[string]Field{"container_id": "id"}
	}
	setDefault(&c.MaxLabelSets, 1000)
	setDefault(&c.MaxLine, 1<<20)
	setDefault(&c.Multiline.MaxLines, 1000)
	setDefault(&c.Multiline.Timeout, time.Second)
	setDefault(&c.MaxStreams, 256)
	c.MaxStreams = max(c.MaxStreams, 0)
	setDefault(&c.Pollers, 4)
	setDefault(&c.Poll, 250*time.Millisecond)
	setDefault(&c.IdlePoll, 2*time.Second)
	c.IdlePoll = max(c.IdlePoll, c.Poll)
	setDefault(&c.Relist, 30*time.Second)
}

func setDefault[T int | string | time.Duration](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c *Config) checkNumbers() (errs []error) {
	for _, f := range []struct {
		name  string
		value int
	}{
		{"MaxLabelSets", c.MaxLabelSets}, {"MaxLine", c.MaxLine}, {"Multiline.MaxLines", c.Multiline.MaxLines},
		{"Pollers", c.Pollers},
	} {
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("container: %s: %d is negative", f.name, f.value))
		}
	}
	for _, f := range []struct {
		name  string
		value time.Duration
	}{
		{"Multiline.Timeout", c.Multiline.Timeout}, {"Poll", c.Poll}, {"IdlePoll", c.IdlePoll}, {"Relist", c.Relist},
	} {
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("container: %s: %v is negative", f.name, f.value))
		}
	}
	if c.MaxLine > maxMaxLine {
		errs = append(errs, fmt.Errorf("container: MaxLine: %d is more than %d", c.MaxLine, maxMaxLine))
	}
	if c.From != Start && c.From != End {
		errs = append(errs, fmt.Errorf("container: From: %d is neither Start nor End", c.From))
	}
	if c.Outputs < Both || c.Outputs > Stderr {
		errs = append(errs, fmt.Errorf("container: Outputs: %d is none of Both, Stdout and Stderr", c.Outputs))
	}
	if c.Multiline.MaxLines > 0 && c.Multiline.Rule.IsZero() {
		errs = append(errs, errors.New("container: Multiline: MaxLines has no meaning without a Rule"))
	}
	return errs
}

func namings(fields map[string]Field) (all []naming) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		all = append(all, naming{name, fields[name]})
	}
	return all
}

func (p *plan) checkLabels() (errs []error) {
	if n := len(p.labels); n > maxLabels {
		errs = append(errs, fmt.Errorf("container: Labels: %d are more than %d", n, maxLabels))
	}
	for _, l := range p.labels {
		if err := l.check(); err != nil {
			errs = append(errs, fmt.Errorf("container: Labels: %q: %w", l.name, err))
		}
		if l.field == "id" {
			errs = append(errs, fmt.Errorf("container: Labels: %q: every container has another id, "+
				"so there is no bound to the streams it would make: use Attrs", l.name))
		}
	}
	return errs
}

func (p *plan) checkAttrs() (errs []error) {
	for _, a := range p.attrs {
		if err := a.check(); err != nil {
			errs = append(errs, fmt.Errorf("container: Attrs: %q: %w", a.name, err))
		}
		if slices.ContainsFunc(p.labels, func(l naming) bool { return l.name == a.name }) {
			errs = append(errs, fmt.Errorf("container: Attrs: %q: there is a label of that name", a.name))
		}
	}
	return errs
}

func (n naming) check() error {
	switch {
	case !batch.ValidName(n.name):
		return errors.New("not a name: want letters, digits and _, not starting with a digit")
	case slices.Contains(reserved[:], n.name):
		return errors.New("the source has an attribute of that name")
	case !n.field.known():
		return fmt.Errorf("unknown field %q", string(n.field))
	}
	return nil
}
