package lokiclient

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/logferry/logferry/sink"
)

// What Loki would refuse whenever it is sent, or take and throw away.
var (
	errNoLabels = sink.Permanent(errors.New("lokiclient: without labels: Loki drops the entry and acknowledges it"))
	errNoTime   = sink.Permanent(errors.New("lokiclient: the time is before the year 1 or after 9999: the client cannot encode it"))
)

// refusal is what the client says, in its log, of a request that it has given up, with a mark.
func refusal(status, cause any) error {
	code, _ := status.(int)
	err := fmt.Errorf("lokiclient: %v", cause)
	switch code {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return sink.Permanent(err)
	case http.StatusTooManyRequests:
		return sink.RetryAfter(err, 0)
	}
	// The server's trouble, or that of the credentials or the address, all of which may be over by and by.
	return err
}
