package main

import (
	"flag"
	"fmt"
	"strings"
	"time"
)

// A config is what both clients are told, each in its own terms.
type config struct {
	url      string // of the push endpoint
	external labelFlag
	tenant   string
	user     string
	password secret
	bearer   secret
	batch    int           // bytes of a request: of lines, or all of them
	tries    int           // how often a request is sent
	backoff  time.Duration // before the second try; it grows
	json     bool          // JSON, not protobuf
	packed   bool          // several streams in a request, as loki-client-go always does
}

// A secret is given as such, or in a file.
type secret struct{ text, file string }

// A labelFlag is a flag: name=value, that may be given more than once.
type labelFlag map[string]string

func (l labelFlag) String() string { return fmt.Sprint(map[string]string(l)) }

func (l labelFlag) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return fmt.Errorf("%q: want name=value", s)
	}
	l[name] = value
	return nil
}

func (c *config) register(f *flag.FlagSet) {
	c.external = labelFlag{}
	f.StringVar(&c.url, "url", "", "address of the push endpoint")
	f.Var(c.external, "external", "name=value added to every stream; may be repeated")
	f.StringVar(&c.tenant, "tenant", "", "X-Scope-OrgID")
	f.IntVar(&c.batch, "batch", 1<<20, "bytes of a request")
	f.IntVar(&c.tries, "tries", 10, "how often a request is sent")
	f.DurationVar(&c.backoff, "backoff", 100*time.Millisecond, "before the second try")
	f.BoolVar(&c.json, "json", false, "send JSON; that of loki-client-go is of an older API")
	f.BoolVar(&c.packed, "packed", false, "several streams in a request; loki-client-go does nothing else")
}
