package lokiclient

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"

	client "github.com/grafana/loki-client-go/loki"
	"github.com/grafana/loki-client-go/pkg/labelutil"
	"github.com/grafana/loki-client-go/pkg/urlutil"
)

// A Config says how to push. New copies what it changes.
type Config struct {
	// Client is the configuration that the service has for loki-client-go. Only URL is required, the address of the push
	// endpoint. A Timeout of zero is 10 s, and a BatchSize of zero 1 MiB, as in that package's own defaults; BatchWait and
	// BackoffConfig are not used: the shaper of a route says how long lines are gathered, and sink.Retry when to try again.
	Client client.Config
}

// validate returns all that is wrong.
func (c Config) validate() error {
	var errs []error
	switch u := c.Client.URL.URL; {
	case u == nil:
		errs = append(errs, errors.New("lokiclient: Client.URL is missing"))
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		errs = append(errs, fmt.Errorf("lokiclient: Client.URL: %s is no address of a push endpoint", u.Redacted()))
	}
	if c.Client.Timeout < 0 {
		errs = append(errs, fmt.Errorf("lokiclient: Client.Timeout: %v is negative", c.Client.Timeout))
	}
	if c.Client.BatchSize < 0 {
		errs = append(errs, fmt.Errorf("lokiclient: Client.BatchSize: %d is negative", c.Client.BatchSize))
	}
	if err := c.Client.Client.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("lokiclient: Client: %w", err))
	}
	return errors.Join(errs...)
}

// theirs is what the client is told: to send at once, and once.
func (c Config) theirs() client.Config {
	cfg := c.Client
	cfg.URL = urlutil.URLValue{URL: labelled(cfg.URL.URL)}
	cfg.BatchWait = 0
	cfg.ExternalLabels = labelutil.LabelSet{} // the lines have them already
	if cfg.BatchSize == 0 {
		cfg.BatchSize = client.BatchSize
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = client.Timeout
	}
	cfg.BackoffConfig.MaxRetries = 1 // of tries, in spite of its name
	return cfg
}

// labelled returns an address that is sent to as u is, with a Host of its own. The client labels its counters with Host, and
// makes the address of a request with String, which leaves Host out where there is an opaque part.
func labelled(u *url.URL) *url.URL {
	whole := *u
	whole.Fragment, whole.RawFragment = "", ""
	_, opaque, _ := strings.Cut(whole.String(), ":")
	return &url.URL{Scheme: u.Scheme, Opaque: opaque, Host: u.Host + "#" + rand.Text()[:8]}
}
