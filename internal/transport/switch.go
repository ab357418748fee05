package transport

import (
	"errors"
	"net/http"
)

// errSwitched is for an answer 101, which no request here asks for.
var errSwitched = errors.New("the other side switched to another protocol unasked")

// refuseSwitch keeps an answer 101 from the caller. net/http does not look whether the request asked for it: it hands
// over the bare connection as a body, a Read of which waits for ever, whatever becomes of the request's context.
func refuseSwitch(resp *http.Response, err error) (*http.Response, error) {
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		return resp, err
	}
	resp.Body.Close() // which closes the connection
	return nil, errSwitched
}
