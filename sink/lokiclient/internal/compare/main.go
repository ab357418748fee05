package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

// options are what the program is told.
type options struct {
	logs     string
	files    int
	rate     int
	during   time.Duration
	rotate   time.Duration
	backlog  int
	quiet    time.Duration
	patience time.Duration
}

func (o *options) register(f *flag.FlagSet) {
	f.StringVar(&o.logs, "logs", "../../../shared/logs/*.log", "pattern of the logs to take lines from; lines are made if there are none")
	f.IntVar(&o.files, "files", 3, "files that are written")
	f.IntVar(&o.rate, "rate", 6000, "lines a second, in all files together")
	f.DurationVar(&o.during, "for", 10*time.Second, "how long files are written and rotated")
	f.DurationVar(&o.rotate, "rotate", 500*time.Millisecond, "interval between two rotations of a file")
	f.IntVar(&o.backlog, "backlog", 300_000, "lines that are there already, for the cost of each")
	f.DurationVar(&o.quiet, "quiet", 8*time.Second, "how long nothing comes before what is missing is lost")
	f.DurationVar(&o.patience, "patience", 30*time.Second, "how long a Close with the server down is waited for")
}

func main() {
	if os.Getenv(subjectVar) != "" {
		os.Exit(subject())
	}
	var o options
	o.register(flag.CommandLine)
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	var all []result
	for _, s := range subjects {
		fmt.Fprintln(os.Stderr, "measuring", s.name)
		r, err := measure(s.name, o)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		all = append(all, r)
	}
	fmt.Print(conditions(o), "\n\n", table(all))
	return nil
}
