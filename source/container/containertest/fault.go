package containertest

import (
	"context"
	"net/http"
	"slices"
)

// An Endpoint is a part of the API. It says which requests a Fault is about, and is
// what Stats count them by.
type Endpoint string

// The endpoints that are known. A request for a log is one of Logs, and one of Follow
// or Read.
const (
	Any     Endpoint = "" // each of those below but Dial
	Ping    Endpoint = "ping"
	Version Endpoint = "version"
	Info    Endpoint = "info"
	List    Endpoint = "list"
	Inspect Endpoint = "inspect"
	Logs    Endpoint = "logs"   // with and without following
	Follow  Endpoint = "follow" // logs that are followed
	Read    Endpoint = "read"   // logs that are not followed
	Events  Endpoint = "events"
	Dial    Endpoint = "dial" // connecting by Engine.Dial; no request
)

// BeforeHeaders as a Fault's After is before the response's status and headers.
const BeforeHeaders = -1

// A Fault is something that goes wrong with requests, in the order: which ones,
// how many of them, where in the response, and what.
type Fault struct {
	On        Endpoint
	Container string // the id or name of the one they are about; "": any, and none
	Event     string // for what befalls a single event: its action; "": any
	// If, if set, is asked as well for each request that matches. It runs while that
	// is served.
	If func(*http.Request) bool

	Skip  int // so many that match are spared first
	Count int // so many are befallen then; 0: one; negative: all

	// Frames and After say where: after so many whole frames, and then so many
	// bytes. A frame is what the engine sends as one: a message of a log with its
	// header, an event, any other response as a whole. 3 bytes after a frame are
	// within the header of the next.
	Frames int
	After  int

	Do Action
}

// An Injection is a Fault that was injected into an engine.
type Injection struct {
	engine *Engine
	fault  Fault
	hits   int
}

// Inject lets a fault befall requests to come, and with Omit, Twice and Late the
// containers or events of responses, also of those under way. Faults that befall
// the same add up.
func (e *Engine) Inject(f Fault) *Injection {
	if f.Count == 0 {
		f.Count = 1
	}
	i := &Injection{engine: e, fault: f}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = append(e.faults, i)
	return i
}

// Hits returns how many it has befallen.
func (i *Injection) Hits() int {
	i.engine.mu.Lock()
	defer i.engine.mu.Unlock()
	return i.hits
}

// Remove takes the fault back. What it has befallen it still befalls.
func (i *Injection) Remove() {
	i.engine.mu.Lock()
	defer i.engine.mu.Unlock()
	i.engine.faults.remove(i)
}

// Strike lets a fault befall the requests that are being answered, such as the
// logs and events that are followed. Where it stands is counted from what was sent
// so far. It returns how many are befallen; Skip and Count do not count here.
func (e *Engine) Strike(f Fault) int {
	n := 0
	e.mu.Lock()
	defer e.mu.Unlock()
	for x := range e.open {
		if f.matches(x) && !f.Do.kind.single() {
			x.arm(f)
			n++
		}
	}
	return n
}

// faults are those which were injected, the oldest first. The engine's lock guards
// them.
type faults []*Injection

func (l *faults) remove(i *Injection) {
	if at := slices.Index(*l, i); at >= 0 {
		*l = slices.Delete(slices.Clone(*l), at, at+1)
	}
}

// claim counts one that matches i, and reports whether it is befallen.
func (l *faults) claim(i *Injection) bool {
	switch f := &i.fault; {
	case f.Skip > 0:
		f.Skip--
		return false
	case f.Count > 0:
		f.Count--
		if f.Count == 0 {
			l.remove(i)
		}
	case f.Count == 0:
		return false
	}
	i.hits++
	return true
}

// at reports whether f is about one of the endpoints.
func (f *Fault) at(endpoints ...Endpoint) bool {
	return f.On == Any || slices.Contains(endpoints, f.On)
}

// about reports whether f is about a container, of which a request may say
// something else than its id or name.
func (f *Fault) about(names ...string) bool {
	return f.Container == "" || slices.Contains(names, f.Container)
}

// matches reports whether f is about a request. The engine is locked.
func (f *Fault) matches(x *exchange) bool {
	names := []string{x.name}
	if x.container != nil {
		names = append(names, x.container.id, x.container.name)
	}
	return f.at(x.endpoints...) && f.about(names...)
}

// befall arms the faults that a request meets.
func (e *Engine) befall(x *exchange) {
	e.mu.Lock()
	list := e.faults
	e.mu.Unlock()
	for _, i := range list {
		e.mu.Lock()
		f := &i.fault
		meant := !f.Do.kind.single() && f.matches(x)
		e.mu.Unlock()
		// If may ask the engine for something.
		if !meant || f.If != nil && !f.If(x.r) {
			continue
		}
		e.mu.Lock()
		if e.faults.claim(i) {
			x.arm(*f)
		}
		e.mu.Unlock()
	}
}

// single returns what befalls one container of a list, or one event of a stream.
// The engine is locked.
func (e *Engine) single(on Endpoint, id, name, event string) Action {
	for _, i := range e.faults {
		f := &i.fault
		if f.Do.kind.single() && f.at(on) && f.about(id, name) && (f.Event == "" || f.Event == event) && e.faults.claim(i) {
			return f.Do
		}
	}
	return Action{}
}

// dialFault does what befalls connecting.
func (e *Engine) dialFault(ctx context.Context) error {
	e.mu.Lock()
	var met []Action
	for _, i := range e.faults {
		if i.fault.On == Dial && e.faults.claim(i) {
			met = append(met, i.fault.Do)
		}
	}
	e.mu.Unlock()
	for _, a := range met {
		switch a.kind {
		case fail:
			return a.err
		case stall:
			if err := sleep(ctx, a.wait); err != nil {
				return err
			}
		case silence:
			<-ctx.Done()
			return ctx.Err()
		}
	}
	return nil
}
