package lokiclient

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/go-kit/kit/log/level"
)

// A complaint is about one request that the client has given up.
type complaint struct {
	through, lost int // what the client had counted before it
	err           error
}

// complaints is the client's log. It keeps what is said of a request that is given up, which the client logs from the
// goroutine that sends, just before it counts: so what it has counted says which entries were in the request.
type complaints struct {
	tally tally

	mu    sync.Mutex
	list  []complaint
	fatal error // the client has lost entries that it will not count
}

// Log implements the Logger of go-kit. It is called by the client.
func (c *complaints) Log(keyvals ...any) error {
	said := map[any]any{}
	for i := 0; i+1 < len(keyvals); i += 2 {
		said[keyvals[i]] = keyvals[i+1]
	}
	if said[level.Key()] != level.ErrorValue() {
		return nil // it will retry, or cannot say how far behind a stream is
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch said["msg"] {
	case "final error sending batch":
		err := refusal(said["status"], said["error"])
		c.list = append(c.list, complaint{c.tally.through(), c.tally.lost(), err})
	case "error encoding batch":
		c.fatal = errors.Join(c.fatal, fmt.Errorf("lokiclient: a request could not be encoded: %v", said["error"]))
	}
	return nil
}

// latest returns the latest complaint's error, if there is any.
func (c *complaints) latest() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fatal != nil || len(c.list) == 0 {
		return c.fatal
	}
	return c.list[len(c.list)-1].err
}

// broken returns the error after which counts cannot be relied upon.
func (c *complaints) broken() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fatal
}

// take returns the complaints so far and forgets them.
func (c *complaints) take() []complaint {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := slices.Clone(c.list)
	c.list = c.list[:0]
	return list
}
