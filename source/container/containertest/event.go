package containertest

import (
	"encoding/json"
	"time"
)

// An Event is something that happened in an engine.
type Event struct {
	Type       string // container, image, network, …
	Action     string // start, die, …
	ID         string
	Attributes map[string]string // a container's labels, its name and its image, and what belongs to the action
	Time       time.Time
}

// Emit sends any event: one that no container causes, or many that drive others
// out of those that the engine keeps. Its time, if it has none, is now.
func (e *Engine) Emit(event Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if event.Time.IsZero() {
		event.Time = e.now()
	}
	e.events.publish(event)
}

// A message is an event as the API sends it.
type message struct {
	Status   string `json:"status,omitempty"`
	ID       string `json:"id,omitempty"`
	From     string `json:"from,omitempty"`
	Type     string
	Action   string
	Actor    actor
	Scope    string `json:"scope,omitempty"`
	Time     int64  `json:"time,omitempty"`
	TimeNano int64  `json:"timeNano,omitempty"`
}

type actor struct {
	ID         string
	Attributes map[string]string
}

// encode returns the event as one line of JSON.
func (e *Event) encode() []byte {
	m := message{Type: e.Type, Action: e.Action, Actor: actor{e.ID, e.Attributes}, Scope: "local",
		Time: e.Time.Unix(), TimeNano: e.Time.UnixNano()}
	if e.Type == "container" || e.Type == "image" {
		m.Status, m.ID = e.Action, e.ID
	}
	if e.Type == "container" {
		m.From = e.Attributes["image"]
	}
	b, _ := json.Marshal(m) // strings and numbers
	return append(b, '\n')
}
