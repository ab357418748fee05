package container

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A condition is a Match made ready.
type condition struct {
	name, image      *regexp.Regexp // nil: any
	labels           map[string]string
	project, service string
	state            string
}

// states are those that engines tell of.
const states = "created, running, paused, restarting, removing, exited or dead"

// conditions makes all matches of a field of Config ready.
func conditions(field string, matches []Match) (all []condition, errs []error) {
	for i := range matches {
		c, err := matches[i].compile()
		for _, e := range err {
			errs = append(errs, fmt.Errorf("container: %s[%d]%w", field, i, e))
		}
		all = append(all, c)
	}
	return all, errs
}

// compile returns errors that begin with where in m they are.
func (m *Match) compile() (c condition, errs []error) {
	if m.Name == "" && m.Image == "" && len(m.Labels) == 0 && m.Project == "" && m.Service == "" && m.State == "" {
		return c, []error{errors.New(": no field is set, so it would fit every container")}
	}
	c = condition{labels: maps.Clone(m.Labels), project: m.Project, service: m.Service, state: m.State}
	var err error
	if c.name, err = pattern(m.Name); err != nil {
		errs = append(errs, fmt.Errorf(".Name: %w", err))
	}
	if c.image, err = pattern(m.Image); err != nil {
		errs = append(errs, fmt.Errorf(".Image: %w", err))
	}
	if _, ok := m.Labels[""]; ok {
		errs = append(errs, errors.New(".Labels: an empty key"))
	}
	if m.State != "" && !slices.Contains(strings.Split(strings.Replace(states, " or ", ", ", 1), ", "), m.State) {
		errs = append(errs, fmt.Errorf(".State: %q is none of %s", m.State, states))
	}
	return c, errs
}

func pattern(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	return regexp.Compile(text)
}

// fits reports whether all of c but its state is true of s.
func (c *condition) fits(s *summary) bool {
	if c.name != nil && !c.name.MatchString(s.name) || c.image != nil && !c.image.MatchString(s.image) {
		return false
	}
	if c.project != "" && c.project != Field("compose.project").of(s) ||
		c.service != "" && c.service != Field("compose.service").of(s) {
		return false
	}
	for key, want := range c.labels {
		if got, ok := s.labels[key]; !ok || want != "*" && got != want {
			return false
		}
	}
	return true
}
