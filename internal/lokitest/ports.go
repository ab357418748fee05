package lokitest

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// ports are the two that a Loki listens on.
type ports struct{ http, grpc int }

// The range lies below the ephemeral ports of Linux (from 32768) and macOS (from 49152): a client that redials a Loki
// that is down must not be handed Loki's own port as its source port, which would keep Restart from binding it.
const firstPort, lastPort = 20000, 32000

// freePorts returns two loopback ports that nothing listens on. Another process may take one before Loki binds it; Start
// then tries again with others.
func freePorts() (ports, error) {
	var found []int
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		// Listening until both are found keeps the two apart.
		defer l.Close()
		if found = append(found, port); len(found) == 2 {
			return ports{http: found[0], grpc: found[1]}, nil
		}
	}
	return ports{}, fmt.Errorf("lokitest: no two free ports between %d and %d", firstPort, lastPort)
}
