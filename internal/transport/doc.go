// Package transport keeps the HTTP connections of one sink or source: those of
// nobody else, with no setting from the environment, and none of which outlives
// its owner.
//
// net/http starts goroutines for every connection, and they end some time after
// the connection was closed. Goroutines that nobody joins are what this module
// is there to rule out, so a [Transport] counts its connections from the dial
// until nobody uses them any more, and Close returns once none is left and
// their goroutines have ended as well.
//
// In HTTP/2 every request has a goroutine of its own too, which may outlive the
// request. It is started by the goroutine that calls RoundTrip and inherits its
// profiler labels, by which Close finds goroutines; so with [Config.HTTP2] that
// goroutine carries the Transport's label during the call, and those of the
// request's context afterwards. Whoever runs with labels passes a context that
// has them, as [runtime/pprof.Do] gives it.
//
// The pings by which net/http can find out that an HTTP/2 connection is dead
// are not used: the timer behind them is not stopped when the connection ends,
// and so starts two goroutines some time later, perhaps after Close. Instead, a
// request whose time is up and whose connection has been silent since it was
// sent closes that connection, as happens to every HTTP/1.1 connection whose
// request is given up.
//
// One thing net/http leaves behind for up to five seconds all the same: a timer,
// if an HTTP/2 connection that never had a request was closed by the other side.
// It forgets that connection, and waits for nothing.
package transport
