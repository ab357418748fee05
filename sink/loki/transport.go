package loki

import (
	"time"

	"github.com/logferry/logferry/internal/transport"
)

const (
	maxConns    = 32
	idleTimeout = 55 * time.Second // below the minute after which many a gateway closes
	maxDialTime = 10 * time.Second
	writeBuffer = 64 << 10
)

// newTransport returns the Transport of a Sink, which nobody else uses.
func newTransport(host string, timeout time.Duration) *transport.Transport {
	return transport.New(transport.Config{
		Owner:       "loki",
		Peer:        host,
		DialTimeout: min(timeout, maxDialTime),
		MaxConns:    maxConns,
		MaxIdle:     maxConns,
		IdleTimeout: idleTimeout,
		WriteBuffer: writeBuffer,
	})
}
