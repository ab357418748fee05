package loki

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/transport"
	"github.com/logferry/logferry/sink"
)

// A Sink pushes to one Loki. New makes one; all methods may be called concurrently. It has no goroutines of its own
// beside those of its connections.
type Sink struct {
	cfg       Config
	url       *url.URL
	transport *transport.Transport

	credentials credentials
	security    security

	codec      codec
	mappings   mappings
	tenants    tenants
	ceiling    ceiling
	deliveries sync.Pool // of *delivery
	raws       bufferPool
	wires      bufferPool

	closed atomic.Bool
	health atomic.Pointer[error] // of the latest exchange; nil: well, or none yet
	stats  counters
}

var (
	_ sink.Sink        = (*Sink)(nil)
	_ sink.PerStreamer = (*Sink)(nil)
	_ sink.StreamNamer = (*Sink)(nil)
	_ sink.Healther    = (*Sink)(nil)
)

// ErrClosed is what Write and Ready return after Close.
var ErrClosed = errors.New("loki: sink is closed")

// New checks cfg and returns a Sink that has not opened any connection yet. The error joins one for every field that
// makes no sense, or else for every file that cannot be used, and holds no secret.
func New(cfg Config) (*Sink, error) {
	cfg = cfg.withDefaults()
	endpoint, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	format := cfg.codec()
	s := &Sink{
		cfg:   cfg,
		url:   endpoint,
		codec: format,
	}
	if err := s.connect(cfg); err != nil {
		return nil, err
	}
	s.mappings = mappings{rule: cfg.labelRule(), codec: format, bare: cfg.DropAttrs, utf8: cfg.EncodeJSON}
	s.deliveries.New = func() any { return &delivery{sink: s} }
	return s, nil
}

// Write pushes the entries of b, stream by stream, and returns when their fate is known, or ctx is done. Entries that
// Loki did not take are listed in a *sink.PartialError, each with its class; if the same became of all of them, that
// error itself is returned. Of a stream nothing is sent after an entry that is worth a retry. Nothing of b is used once
// Write has returned. After Close it returns [ErrClosed].
func (s *Sink) Write(ctx context.Context, b *batch.Batch) error {
	if s.closed.Load() {
		return ErrClosed
	}
	if len(b.Entries) == 0 {
		return nil
	}
	d := s.deliveries.Get().(*delivery)
	err := d.write(ctx, b)
	d.reset()
	s.deliveries.Put(d)
	return err
}

// Close closes the connections and returns once all of them are closed and their goroutines have ended, or when ctx is
// done; the error then says what is left, and Close may be called again to go on waiting. It is called after the last
// Write.
func (s *Sink) Close(ctx context.Context) error {
	s.closed.Store(true)
	return s.transport.Close(ctx)
}

// PerStream reports whether the sink wants one stream per batch, which it does unless [Config.Packed] is set: see the
// package documentation.
func (s *Sink) PerStream() bool { return !s.cfg.Packed }

// StreamOf returns labels that stand for the stream of Loki which entries with the labels l are of: see
// [sink.StreamNamer].
func (s *Sink) StreamOf(l batch.Labels) batch.Labels { return s.mappings.of(l).name }

// Health returns nil if the latest request was answered, and nothing was found fault with but entries, else what was
// wrong. A rate limit is wrong, too, and so is a file of Config that cannot be read again.
func (s *Sink) Health() error {
	if err := s.health.Load(); err != nil {
		return *err
	}
	return s.fileProblem()
}

// noteHealth keeps what the latest answer says about the destination. What it says about entries is none of that.
func (s *Sink) noteHealth(r ruling) {
	switch r.verdict {
	case undelivered, limited, allRefused:
		err := r.err
		s.health.Store(&err)
	default:
		s.health.Store(nil)
	}
}

// Stats returns the counters. They are read one by one, so a request that is under way may be in some of them only.
func (s *Sink) Stats() Stats { return s.stats.snapshot() }
