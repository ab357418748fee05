package main

import (
	"flag"
	"fmt"
	"os"
)

// clients are what can push.
var clients = map[string]func(config, []entry) error{
	"loki-client-go": pushArchived,
	"logferry":       pushLogferry,
	"bridge":         pushBridge,
}

func main() {
	var cfg config
	client := flag.String("client", "logferry", "logferry, loki-client-go, or bridge, which is the one as a sink of the other")
	cfg.register(flag.CommandLine)
	flag.Parse()
	if err := run(*client, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func run(client string, cfg config) error {
	push, ok := clients[client]
	if !ok {
		return fmt.Errorf("-client %q: there is none of that name", client)
	}
	es, err := readEntries(os.Stdin)
	if err != nil {
		return err
	}
	return push(cfg, es)
}
