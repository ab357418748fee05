// Package lokitest runs a real Loki for tests.
//
// [Start] runs the Loki binary that LOGFERRY_LOKI_BIN names on free loopback ports, over a directory that goes away with
// the test; the Server it returns can be pushed to, queried, killed and restarted. Without the variable the test is
// skipped, unless LOGFERRY_REQUIRE lists "loki": then it fails. `.ci/run` builds the binary from this module's own tool
// directive and sets both.
//
// It is a module of its own so that Loki's dependencies never reach the library's go.mod. It needs a Unix system.
package lokitest
