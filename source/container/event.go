package container

import "time"

// An event is something that happened to a container.
type event struct {
	action string    // start, unpause, pause, die, rename or destroy; "": the stream is open
	id     string    // of the container
	at     time.Time // by the engine's clock
}

// unsure is the state of a container whose events came out of order.
const unsure = "unsure"

// removal reports whether e tells that a container is no more.
func (e *event) removal() bool { return e.action == "destroy" }

// meaning returns why e is a reason to wake its container, if it is one, and the
// state that the container is in after it, if it tells that.
func (e *event) meaning() (why reason, state string, ok bool) {
	switch e.action {
	case "start", "unpause":
		return started, "running", true
	case "die":
		return ended, "exited", true
	case "rename":
		return renamed, "", true
	case "pause":
		return 0, "paused", false
	default:
		return 0, "", false
	}
}
