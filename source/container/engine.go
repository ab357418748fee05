package container

import (
	"context"
	"errors"
	"io"
	"time"
)

// An engine is what a Source asks of a container engine. There is one for each
// Run and one for each Ready, with one HTTP client. Its methods may be called
// concurrently.
type engine interface {
	// ping asks which version of the API the engine speaks. Everything else
	// speaks that version from then on.
	ping(ctx context.Context) (apiVersion, error)
	// list returns all containers there are, whatever their state.
	list(ctx context.Context) ([]summary, error)
	// inspect tells more of one container. errGone: there is none.
	inspect(ctx context.Context, id string) (details, error)
	// events calls each for what happens to containers from now on, and for
	// what happened since then, if that is not zero and the engine still knows.
	// The first call, with the zero event, is made once the stream is open.
	// It returns when ctx is done or the stream has ended, always with an
	// error, after all it started has ended. each must not block.
	events(ctx context.Context, since time.Time, each func(event)) error
	// logs opens the log of a container. errGone: there is none; errUnreadable:
	// its log driver cannot be read. Cancelling ctx ends a Read under way;
	// the body is closed all the same.
	logs(ctx context.Context, id string, r logRequest) (io.ReadCloser, error)
	// close returns once every connection has closed and all that served them
	// has ended. Nothing is asked afterwards.
	close(ctx context.Context) error
}

// errGone says that the engine knows no such container.
var errGone = errors.New("no such container")

// errUnreadable says that what a container logs cannot be read back through
// the engine.
var errUnreadable = errors.New("its log driver cannot be read")

// An apiVersion is the version of the engine's API, such as 1.45.
type apiVersion struct{ major, minor int }

// A summary is what a list tells of a container.
type summary struct {
	id     string
	name   string // without the slash in front
	image  string // as it was named when the container was created
	labels map[string]string
	state  string // created, running, paused, restarting, removing, exited, dead
}

// details is what inspect tells of a container.
type details struct {
	summary
	tty     bool
	driver  string            // of its log: json-file, local, none, …
	options map[string]string // of that driver
	logPath string            // of its log on the engine's host, if it is a file
	started time.Time         // last; zero: never
	podman  bool              // the engine is Podman: see podman.go
}

// running reports whether s may go on writing without a start event.
func (s *summary) running() bool {
	switch s.state {
	case "running", "paused", "restarting", "removing":
		return true
	default:
		return false
	}
}

// A logRequest says which part of a log to read, always of both outputs: what
// is taken of them must not change the place of a message.
type logRequest struct {
	tail   int       // so many messages at the end; 0: all
	since  time.Time // leave out older messages; zero: none
	follow bool      // wait for more
}
