package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/logferry/logferry/source/container"
)

// options are the command line.
type options struct {
	url, state string
	containers container.Config
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("containers", flag.ExitOnError)
	host := flags.String("host", "", "where the engine listens, `unix:///path/to.sock` or tcp://host:port (default: DOCKER_HOST, or its usual socket)")
	name := flags.String("name", "", "follow only containers in whose name this `REGEXP` is found")
	flags.StringVar(&o.url, "loki", "", "push to the Loki at this `URL` instead of printing")
	flags.StringVar(&o.state, "state", "", "keep cursors in this `FILE`, to go on from there next time")
	flags.Func("from", "begin at the `start|end` of what containers without a cursor have written so far (default start)", func(s string) error {
		switch s {
		case "start":
			o.containers.From = container.Start
		case "end":
			o.containers.From = container.End
		default:
			return errors.New("want start or end")
		}
		return nil
	})
	flags.Parse(args)
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q is no flag: -name selects containers", flags.Arg(0))
	}
	if *name != "" {
		o.containers.Include = []container.Match{{Name: *name}}
	}
	if o.url != "" {
		o.containers.MaxLine = 256 << 10 // Loki refuses longer lines; shortened, they are marked
	}
	if *host != "" {
		os.Setenv("DOCKER_HOST", *host) // for it goes with DOCKER_CERT_PATH and DOCKER_TLS_VERIFY as well
	}
	o.containers, err = container.FromEnv(o.containers)
	return o, err
}
