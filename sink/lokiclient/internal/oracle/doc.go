// Command oracle pushes what it reads to a Loki, with the client it is told: sink/loki, the archived
// github.com/grafana/loki-client-go, which so many services have pushed with that it says what a push is, or
// sink/lokiclient, which makes a sink of that.
//
//	oracle -client loki-client-go -url http://127.0.0.1:3100/loki/api/v1/push <entries.jsonl
//
// Standard input is one JSON object for each entry, of the form of [entry]. The exit status is 0 if the client says that
// all were sent.
//
// The tests push the same entries with both, to a server that takes the requests apart, and compare. Those of
// internal/lokitest build the program and compare what a real Loki returns. The benchmark compares what a push costs:
//
//	go -C sink/lokiclient test -run '^$' -bench . -benchtime 5x ./internal/oracle
//
// It is part of the module that needs loki-client-go anyway. That cannot be one with internal/lokitest: loki-client-go does
// not compile beside the Prometheus that Loki needs.
package main
