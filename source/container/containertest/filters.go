package containertest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// filters say which containers or events are asked for: for each key, one of the
// values must match, and all of the labels.
type filters map[string][]string

// parseFilters reads them in either form of the API: a list of values, or a set of
// them as an object.
func (g Generation) parseFilters(s string, known ...string) (filters, error) {
	f := filters{}
	if s == "" {
		return f, nil
	}
	var sets map[string]map[string]bool
	if err := json.Unmarshal([]byte(s), &sets); err == nil {
		for key, set := range sets {
			for value, is := range set {
				if is {
					f[key] = append(f[key], value)
				}
			}
		}
	} else if err := json.Unmarshal([]byte(s), (*map[string][]string)(&f)); err != nil {
		if g == Gen20 {
			return nil, internalError(err)
		}
		return nil, badRequest("invalid filter")
	}
	for key := range f {
		if len(known) > 0 && !slices.Contains(known, key) {
			if g == Gen20 {
				return nil, badRequest("Invalid filter '%s'", key)
			}
			return nil, badRequest("invalid filter '%s'", key)
		}
	}
	return f, nil
}

// any reports whether one of the values of a key matches, or there are none.
func (f filters) any(key string, match func(string) bool) bool {
	return len(f[key]) == 0 || slices.ContainsFunc(f[key], match)
}

// is reports whether one of the values of a key is s, or there are none.
func (f filters) is(key string, s ...string) bool {
	return f.any(key, func(value string) bool { return slices.Contains(s, value) })
}

// labelled reports whether all labels are there that are asked for, each by its
// name or with a value.
func (f filters) labelled(labels map[string]string) bool {
	return !slices.ContainsFunc(f["label"], func(want string) bool {
		key, value, exact := strings.Cut(want, "=")
		got, ok := labels[key]
		return !ok || exact && got != value
	})
}

// listFilters are those that a list of containers takes.
func listFilters() []string { return []string{"id", "name", "label", "status", "ancestor", "exited"} }

// container reports whether a container is asked for. The engine is locked.
func (f filters) container(c *Container) bool {
	return f.labelled(c.spec.Labels) && f.is("status", string(c.state)) && f.is("ancestor", c.spec.Image) &&
		f.any("id", func(id string) bool { return strings.HasPrefix(c.id, id) }) &&
		f.any("name", func(name string) bool {
			if strings.TrimPrefix(name, "/") == c.name {
				return true
			}
			match, err := regexp.MatchString(name, c.name)
			return match && err == nil
		})
}

// event reports whether an event is asked for.
func (f filters) event(e *Event) bool {
	return f.is("type", e.Type) && f.is("event", e.Action) && f.labelled(e.Attributes) &&
		f.is("image", e.ID, e.Attributes["image"]) && f.is("scope", "local") &&
		f.any("container", func(name string) bool {
			return strings.HasPrefix(e.ID, name) || strings.HasPrefix(e.Attributes["name"], name)
		})
}
