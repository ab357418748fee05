package containertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path"
	"strings"
)

// An apiError is one that the API answers with.
type apiError struct {
	status  int
	message string
	plain   bool // not as JSON
}

func (e apiError) Error() string { return e.message }

func badRequest(format string, args ...any) error {
	return apiError{status: http.StatusBadRequest, message: fmt.Sprintf(format, args...)}
}

// internalError is what an engine makes of an error that it did not foresee.
func internalError(err error) error {
	return apiError{status: http.StatusInternalServerError, message: err.Error()}
}

// A router answers requests.
type router struct{ engine *Engine }

func (t router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	gen := t.engine.config.Generation
	w.Header().Set("Server", "Docker/"+gen.release()+" (linux)")
	w.Header().Set("Api-Version", gen.newest().String())
	w.Header().Set("Ostype", "linux")
	w.Header().Set("Docker-Experimental", "false")

	rest, v, err := t.version(path.Clean(r.URL.Path))
	answer := t.route(r, rest)
	x := t.engine.exchange(w, r, answer)
	defer x.close()
	if handled, failed := x.before(); handled {
		err = failed
	} else if err == nil {
		err = answer.serve(x, v)
	}
	x.fail(err)
}

// version cuts the version off a path. One without is of the newest version.
func (t router) version(path string) (rest string, v version, err error) {
	gen := t.engine.config.Generation
	rest, v = path, gen.newest()
	if after, ok := strings.CutPrefix(path, "/v"); ok {
		number, tail, _ := strings.Cut(after, "/")
		if asked, ok := parseVersion(number); ok {
			rest, v = "/"+tail, asked
		}
	}
	if v.less(gen.oldest()) {
		err = apiError{status: http.StatusBadRequest, plain: gen == Gen20, message: fmt.Sprintf(
			"client version %s is too old. Minimum supported API version is %s, please upgrade your client to a newer version", v, gen.oldest())}
	} else if gen.newest().less(v) {
		err = badRequest("client version %s is too new. Maximum supported API version is %s", v, gen.newest())
	}
	return rest, v, err
}

// A route is how a request is answered.
type route struct {
	endpoints []Endpoint // the most special first
	name      string     // of a container
	serve     func(*exchange, version) error
}

func (t router) route(r *http.Request, path string) route {
	on := func(serve func(*exchange, version) error, endpoints ...Endpoint) route {
		return route{endpoints: endpoints, serve: serve}
	}
	if path == "/_ping" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		return on((*exchange).ping, Ping)
	}
	if r.Method != http.MethodGet {
		return on((*exchange).unknown)
	}
	switch path {
	case "/version":
		return on((*exchange).version, Version)
	case "/info":
		return on((*exchange).info, Info)
	case "/events":
		return on((*exchange).events, Events)
	case "/containers/json":
		return on((*exchange).list, List)
	}
	rest, _ := strings.CutPrefix(path, "/containers/")
	name, what, _ := strings.Cut(rest, "/")
	var found route
	switch what {
	case "json":
		found = on((*exchange).inspect, Inspect)
	case "logs":
		found = on((*exchange).logs, Read, Logs)
		if truth(r.FormValue("follow")) {
			found.endpoints[0] = Follow
		}
	default:
		return on((*exchange).unknown)
	}
	found.name = name
	return found
}

// truth reads a value as the API does.
func truth(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "", "0", "no", "false", "none":
		return false
	}
	return true
}

// exchange begins to answer a request.
func (e *Engine) exchange(w http.ResponseWriter, r *http.Request, t route) *exchange {
	c, _ := r.Context().Value(connKey{}).(net.Conn)
	x := &exchange{engine: e, w: w, r: r, conn: c, endpoints: t.endpoints, name: t.name,
		wake: make(chan struct{}, 1)}
	e.mu.Lock()
	x.container = e.find(t.name)
	for _, on := range t.endpoints {
		e.stats.Requests[on]++
	}
	e.mu.Unlock()
	e.befall(x)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open[x] = true
	return x
}

// close ends the answer.
func (x *exchange) close() {
	x.engine.mu.Lock()
	defer x.engine.mu.Unlock()
	delete(x.engine.open, x)
}

// fail answers with an error that came before anything was sent.
func (x *exchange) fail(err error) {
	var e apiError
	if !errors.As(err, &e) {
		return
	}
	if e.plain {
		http.Error(x.w, e.message, e.status)
		return
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(e.status)
	json.NewEncoder(x.w).Encode(map[string]string{"message": e.message})
}

func (x *exchange) unknown(version) error {
	return apiError{status: http.StatusNotFound, message: "page not found"}
}

// found returns the container that a request is about.
func (x *exchange) found() (*Container, error) {
	if x.container == nil {
		return nil, apiError{status: http.StatusNotFound, message: "No such container: " + x.name}
	}
	return x.container, nil
}
