package transport

import (
	"crypto/tls"
	"net/http"
	"sync/atomic"
	"time"
)

// A generation is the connections that were made with the same TLS settings.
type generation struct {
	http     *http.Transport
	proxyTLS *tls.Config
	open     atomic.Int64 // connections, those being dialled included
	retired  time.Time    // when the next one took over; zero: it is the current one
}

// keepRetired is for how long a generation without connections is remembered:
// a dial that began before it was retired may still be about to be counted.
const keepRetired = time.Minute

// Renew has connections that are made from now on use these settings in place of
// [Config.TLS] and ProxyTLS. Connections of before are closed once they are
// idle; no request is disturbed. It may be called at any time before Close. For
// a while there may be twice as many connections as MaxConns.
func (t *Transport) Renew(main, proxy *tls.Config) {
	next := t.generation(main, proxy)
	t.renewing.Lock()
	last := t.current.Swap(next)
	last.retired = time.Now()
	t.retired = append(t.retired, last)
	t.old.Store(int64(len(t.retired)))
	t.renewing.Unlock()
	t.closeRetired()
}

// closeRetired closes the idle connections of retired generations. It is called
// before every request, since a connection becomes idle at some time.
func (t *Transport) closeRetired() {
	if t.old.Load() == 0 {
		return
	}
	t.renewing.Lock()
	kept := t.retired[:0:0]
	for _, g := range t.retired {
		if g.open.Load() > 0 || time.Since(g.retired) < keepRetired {
			kept = append(kept, g)
		}
	}
	gone := t.retired
	t.retired = kept
	t.old.Store(int64(len(kept)))
	t.renewing.Unlock()
	for _, g := range gone {
		g.http.CloseIdleConnections()
	}
}
