package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/record"
	"github.com/logferry/logferry/source/tail"
)

// options are the command line.
type options struct {
	url, state string
	tail       tail.Config
	stdin      bool // one of the files was "-"
	reader     source.ReaderConfig
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
	choose(flags, "from", "begin at the `start|end` of files without a cursor", &o.tail.From,
		map[string]tail.From{"start": tail.Start, "end": tail.End})
	choose(flags, "format", "take lines out of the `cri|docker` format of a container's files", &o.tail.Format,
		map[string]record.Format{"cri": record.CRI, "docker": record.DockerJSON})
	choose(flags, "join", "join lines to entries: by `dates|traces`", &o.tail.Multiline.Rule,
		map[string]record.Rule{"dates": record.Dates(), "traces": record.Traces()})
	flags.Parse(args)
	o.tail.Paths = slices.DeleteFunc(flags.Args(), func(p string) bool { return p == "-" })
	o.stdin = len(o.tail.Paths) < flags.NArg()
	if slices.ContainsFunc(o.tail.Paths, func(p string) bool { return strings.HasPrefix(p, "-") }) {
		return o, errors.New("flags go before the files")
	}
	if o.stdin && (o.tail.Format != record.Plain || !o.tail.Multiline.Rule.IsZero()) {
		return o, errors.New("-format and -join are for files, and not for standard input")
	}
	if o.url != "" {
		o.tail.MaxLine = 256 << 10 // Loki refuses longer lines; shortened, they are marked
		o.reader.MaxLine = o.tail.MaxLine
	}
	base, err := batch.NewLabels(labels)
	o.tail.Labels = func(path string) batch.Labels {
		l, _ := base.With("filename", strings.ToValidUTF8(path, "\uFFFD")) // both are valid
		return l
	}
	o.reader.Labels = o.tail.Labels("-")
	return o, err
}

// choose defines a flag that takes one of the keys of values.
func choose[T any](flags *flag.FlagSet, name, usage string, into *T, values map[string]T) {
	flags.Func(name, usage, func(s string) error {
		v, ok := values[s]
		if !ok {
			return fmt.Errorf("want one of %s", strings.Join(slices.Sorted(maps.Keys(values)), ", "))
		}
		*into = v
		return nil
	})
}
