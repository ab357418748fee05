package main

import (
	"context"
	"errors"
	"time"

	lokiclient "github.com/grafana/loki-client-go/loki"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
)

// closeTimeout bounds the Close of a sink, which closes idle connections.
const closeTimeout = 10 * time.Second

// pushLogferry pushes es with sink/loki, in one batch of all streams.
func pushLogferry(cfg config, es []entry) error {
	s, err := newLogferry(cfg)
	if err != nil {
		return err
	}
	retried := sink.Retry(s, sink.RetryConfig{Min: cfg.backoff, Tries: cfg.tries})
	b, err := batchOf(es)
	if err == nil {
		err = retried.Write(context.Background(), b)
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return errors.Join(err, retried.Close(ctx))
}

func newLogferry(cfg config) (*loki.Sink, error) {
	external, err := batch.NewLabels(cfg.external)
	if err != nil {
		return nil, err
	}
	tenantLabel := lokiclient.ReservedLabelTenantID
	if cfg.tenant == "" {
		tenantLabel = "" // with it, an entry without a tenant is refused
	}
	return loki.New(loki.Config{
		URL:             cfg.url,
		TenantID:        cfg.tenant,
		TenantLabel:     tenantLabel,
		BasicAuth:       loki.BasicAuth{Username: cfg.user, Password: cfg.password.text, PasswordFile: cfg.password.file},
		BearerToken:     cfg.bearer.text,
		BearerTokenFile: cfg.bearer.file,
		ExternalLabels:  external,
		EncodeJSON:      cfg.json,
		Packed:          cfg.packed,
		MaxRequest:      cfg.batch,
		Timeout:         lokiclient.Timeout,
	})
}

// batchOf makes one batch of es.
func batchOf(es []entry) (*batch.Batch, error) {
	b := batch.New(nil, batch.Labels{})
	for i, e := range es {
		l, err := batch.NewLabels(e.Labels)
		if err != nil {
			return nil, err
		}
		var attrs []batch.Attr
		for _, p := range e.Metadata {
			attrs = append(attrs, batch.Attr{Key: p.Name, Value: p.Value})
		}
		b.Append(e.time(), e.Line, attrs...)
		b.Entries[i].Labels = l
	}
	return b, nil
}
