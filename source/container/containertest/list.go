package containertest

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// A summary is a container in a list.
type summary struct {
	ID              string `json:"Id"`
	Names           []string
	Image           string
	ImageID         string
	Command         string
	Created         int64
	Ports           []struct{}
	Labels          map[string]string
	State           string
	Status          string
	HostConfig      map[string]string
	NetworkSettings map[string]map[string]string
	Mounts          []struct{}
}

// list answers which containers there are, the newest first.
func (x *exchange) list(version) error {
	f, err := x.engine.config.Generation.parseFilters(x.r.FormValue("filters"), listFilters()...)
	if err != nil {
		return err
	}
	limit := 0
	if s := x.r.FormValue("limit"); s != "" {
		if limit, err = strconv.Atoi(s); err != nil {
			return internalError(err)
		}
	}
	// Who asks for a state means all that are in it.
	all := truth(x.r.FormValue("all")) || limit > 0 || len(f["status"]) > 0
	return x.json(x.engine.list(f, all, limit))
}

func (e *Engine) list(f filters, all bool, limit int) []summary {
	e.mu.Lock()
	defer e.mu.Unlock()
	found := []summary{}
	for _, c := range slices.Backward(e.order) {
		if !all && c.state != running && c.state != paused || !f.container(c) {
			continue
		}
		switch e.single(List, c.id, c.name, "").kind {
		case omit:
			continue
		case twice:
			found = append(found, c.summary())
		}
		found = append(found, c.summary())
		if len(found) == limit {
			break
		}
	}
	return found
}

func (c *Container) summary() summary {
	s := summary{ID: c.id, Names: []string{"/" + c.name}, Image: c.spec.Image, ImageID: c.imageID(), Command: "/program",
		Created: c.created.Unix(), Ports: []struct{}{}, Labels: c.spec.Labels, State: string(c.state), Status: c.status(),
		HostConfig: map[string]string{"NetworkMode": "none"}, Mounts: []struct{}{},
		NetworkSettings: map[string]map[string]string{"Networks": {}}}
	if s.Labels == nil {
		s.Labels = map[string]string{}
	}
	return s
}

// status is the state in words.
func (c *Container) status() string {
	since := func(t time.Time) string { return c.engine.now().Sub(t).Round(time.Second).String() }
	switch c.state {
	case running:
		return "Up " + since(c.started)
	case paused:
		return "Up " + since(c.started) + " (Paused)"
	case exited:
		return fmt.Sprintf("Exited (%d) %s ago", c.code, since(c.ended))
	}
	return "Created"
}

// imageID is the id of the image, one for each name.
func (c *Container) imageID() string { return fmt.Sprintf("sha256:%064x", c.spec.Image) }
