package container

// A roster knows all containers, and who reads which. Its methods return at
// once; discovery calls them.
type roster interface {
	// wake says that there may be something to read in a container that is
	// there: it was found, was started, has ended, has another name, or an event
	// of it may have been missed.
	wake(id string, why reason)
	// gone says that the engine has removed the container.
	gone(id string)
	// sync says which containers there are, after a list. Those the roster knows
	// besides have been removed without an event.
	sync(ids map[string]struct{})
	// reached says whether the engine answers, and in which version of its API.
	reached(up bool, v apiVersion)
}

// A reason is why a container is woken.
type reason int

const (
	found   reason = iota // by a list
	started               // its log is the same, its tty may be another
	ended                 // it may be removed at any moment
	renamed               // labels change
)
