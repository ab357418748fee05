// Failover shows what a service's own log goes through when Loki is down: it goes to a queue on the disk, outlives a
// kill -9 of the service there, and reaches Loki once that is back.
//
//	go run ./examples/failover
//
// plays all of it within some seconds, with a Loki of its own that it takes down, and a service, a process of its own,
// that it kills. With a Loki of yours it is that service alone, which logs until it is interrupted; stop Loki, kill the
// service, start both again:
//
//	go run ./examples/failover -loki http://localhost:3100 -dir /tmp/failover
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	url := flag.String("loki", "", "be the service alone, and push to the Loki at this `URL`")
	dir := flag.String("dir", "failover-queue", "`folder` of the service's queue, with -loki")
	first := flag.Int("first", 0, "`number` of the first line, with -loki")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *url == "" {
		err = play(ctx, os.Stdout)
	} else {
		err = serve(ctx, *url, *dir, *first)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "failover:", err)
		os.Exit(1)
	}
}
