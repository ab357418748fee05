package container

// Podman answers to Docker's API, with logs that are kept in a way of its own.
// Seen in 4.3.1:
//
//   - A message that has no line end is a piece of a line, whatever its size: its
//     monitor writes down what one read of a pipe or a terminal gave it, up to 8 KiB.
//     Lines of any length come in pieces when many are written at once. Each
//     piece has a time of its own.
//   - Asked for the last messages, it joins pieces, and leaves out those of the
//     first line. Following, it reads the last messages first, and looks for the
//     end of the log then: what is written in between is left out. So its logs
//     are read by time, which has neither flaw.
//   - Times in front of messages are whole seconds, but those it is asked for are
//     compared exactly.

// podmanHeader is in Podman's answers to pings, at the least.
const podmanHeader = "Libpod-Api-Version"

// stateOf translates the states that Docker does not have.
func stateOf(state string) string {
	switch state {
	case "stopped":
		return "exited"
	case "configured", "initialized":
		return "created"
	case "stopping":
		return "running"
	default:
		return state
	}
}
