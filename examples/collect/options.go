package main

import (
	"errors"
	"flag"
	"slices"
	"strings"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source/tail"
)

// options are the command line.
type options struct {
	url, state string
	tail       tail.Config
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("collect", flag.ExitOnError)
	flags.StringVar(&o.url, "loki", "", "push to the Loki at this `URL` instead of printing")
	flags.StringVar(&o.state, "state", "", "keep cursors in this `FILE`, to go on from there next time")
	flags.BoolVar(&o.tail.Once, "once", false, "read to the end, deliver, exit")
	labels := map[string]string{}
	flags.Func("label", "add a label `k=v`; may be repeated", func(s string) error {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "filename" {
			return errors.New("want k=v, and filename is taken")
		}
		labels[k] = v
		_, err := batch.NewLabels(labels)
		return err
	})
	flags.Func("from", "begin `start|end` of files without a cursor", func(s string) error {
		if s != "start" && s != "end" {
			return errors.New("want start or end")
		}
		o.tail.From = map[string]tail.From{"start": tail.Start, "end": tail.End}[s]
		return nil
	})
	flags.Parse(args)
	o.tail.Paths = flags.Args()
	if slices.ContainsFunc(o.tail.Paths, func(p string) bool { return strings.HasPrefix(p, "-") }) {
		return o, errors.New("flags go before the files")
	}
	if o.url != "" {
		o.tail.MaxLine = 256 << 10 // Loki refuses longer lines; shortened, they are marked
	}
	base, err := batch.NewLabels(labels)
	o.tail.Labels = func(path string) batch.Labels {
		l, _ := base.With("filename", strings.ToValidUTF8(path, "\uFFFD")) // both are valid
		return l
	}
	return o, err
}
