package main

import (
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/go-kit/kit/log"
	"github.com/go-kit/kit/log/level"
	lokiclient "github.com/grafana/loki-client-go/loki"
	"github.com/grafana/loki-client-go/pkg/backoff"
	"github.com/grafana/loki-client-go/pkg/labelutil"
	"github.com/grafana/loki-client-go/pkg/urlutil"
	"github.com/grafana/loki/pkg/push"
	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
)

// never is longer than a push takes: what cuts a batch is its size, or Stop.
const never = time.Hour

// pushArchived pushes es with loki-client-go. Its Handle returns no error: what went wrong is in its log alone.
func pushArchived(cfg config, es []entry) error {
	var said complaints
	c, err := newArchived(cfg, &said)
	if err != nil {
		return err
	}
	for _, e := range es {
		if err := handle(c, e); err != nil {
			return err
		}
	}
	c.Stop()
	return said.err()
}

func newArchived(cfg config, logger log.Logger) (*lokiclient.Client, error) {
	theirs, err := archivedConfig(cfg)
	if err != nil {
		return nil, err
	}
	return lokiclient.NewWithLogger(theirs, logger)
}

func archivedConfig(cfg config) (lokiclient.Config, error) {
	u, err := url.Parse(cfg.url)
	if err != nil {
		return lokiclient.Config{}, err
	}
	theirs := lokiclient.Config{
		URL:            urlutil.URLValue{URL: u},
		BatchWait:      never,
		BatchSize:      cfg.batch,
		BackoffConfig:  backoff.BackoffConfig{MinBackoff: cfg.backoff, MaxBackoff: time.Minute, MaxRetries: cfg.tries},
		ExternalLabels: labelutil.LabelSet{LabelSet: labelSet(cfg.external)},
		Timeout:        lokiclient.Timeout,
		TenantID:       cfg.tenant,
		EncodeJson:     cfg.json,
	}
	theirs.Client.BearerToken, theirs.Client.BearerTokenFile = promconfig.Secret(cfg.bearer.text), cfg.bearer.file
	if cfg.user != "" {
		theirs.Client.BasicAuth = &promconfig.BasicAuth{
			Username: cfg.user, Password: promconfig.Secret(cfg.password.text), PasswordFile: cfg.password.file,
		}
	}
	return theirs, nil
}

func handle(c *lokiclient.Client, e entry) error {
	if e.Metadata == nil {
		return c.Handle(labelSet(e.Labels), e.time(), string(e.Line))
	}
	m := make(push.LabelsAdapter, len(e.Metadata))
	for i, p := range e.Metadata {
		m[i] = push.LabelAdapter{Name: p.Name, Value: p.Value}
	}
	return c.HandleWithMetadata(labelSet(e.Labels), e.time(), string(e.Line), m)
}

func labelSet(m map[string]string) model.LabelSet {
	set := make(model.LabelSet, len(m))
	for name, value := range m {
		set[model.LabelName(name)] = model.LabelValue(value)
	}
	return set
}

// complaints are a log that keeps what is said of a batch that was given up.
type complaints struct {
	mu   sync.Mutex
	errs []error
}

// Log implements go-kit's Logger.
func (c *complaints) Log(keyvals ...any) error {
	said := map[any]any{}
	for i := 0; i+1 < len(keyvals); i += 2 {
		said[keyvals[i]] = keyvals[i+1]
	}
	if said[level.Key()] != level.ErrorValue() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs = append(c.errs, fmt.Errorf("loki-client-go: %v: %v", said["msg"], said["error"]))
	return nil
}

func (c *complaints) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(c.errs...)
}
