// Package transport keeps the HTTP connections of one sink or source: those of
// nobody else, with no setting from the environment, and none of which outlives
// its owner.
//
// net/http starts goroutines for every connection, and they end some time after
// the connection was closed. Goroutines that nobody joins are what this module
// is there to rule out, so a [Transport] counts its connections from the dial
// until nobody uses them any more, and Close returns once none is left and
// their goroutines have ended as well.
package transport
