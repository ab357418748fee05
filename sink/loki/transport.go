package loki

import (
	"crypto/tls"
	"errors"
	"net/url"
	"time"

	"github.com/logferry/logferry/internal/transport"
)

const (
	maxConns           = 32
	idleTimeout        = 55 * time.Second // below the minute after which many a gateway closes
	defaultDialTimeout = 5 * time.Second
	writeBuffer        = 64 << 10
)

// withTimeouts returns c with the defaults of the phases' limits. It has that of Timeout.
func (c Config) withTimeouts() Config {
	if c.Timeout < 0 {
		return c // and is refused
	}
	if c.DialTimeout == 0 {
		c.DialTimeout = min(c.Timeout, defaultDialTimeout)
	}
	if c.AnswerTimeout == 0 {
		c.AnswerTimeout = c.Timeout
	}
	return c
}

// checkTimeouts checks the limits of phases.
func (c Config) checkTimeouts() []error {
	var errs []error
	for _, limit := range []struct {
		field string
		d     time.Duration
	}{{"DialTimeout", c.DialTimeout}, {"AnswerTimeout", c.AnswerTimeout}} {
		if limit.d < 0 {
			errs = append(errs, wrong(limit.field, "%v: negative", limit.d))
		} else if limit.d > c.Timeout && c.Timeout > 0 {
			errs = append(errs, wrong(limit.field, "%v: longer than Timeout, which is %v", limit.d, c.Timeout))
		}
	}
	return errs
}

// checkWay checks how to get to Loki.
func (c Config) checkWay() error {
	_, err := c.proxy()
	errs := append([]error{err}, c.checkCredentials()...)
	errs = append(errs, c.checkTLS()...)
	return errors.Join(append(errs, c.checkTimeouts()...)...)
}

// connect reads the files that c names, and makes the Transport, which nobody else uses. c has been checked.
func (s *Sink) connect(c Config) error {
	proxy, err := c.proxy()
	main, via, tlsErr := s.security.open(c.TLSConfig, proxy)
	if err := errors.Join(err, tlsErr, s.credentials.open(c, c.header(s.codec))); err != nil {
		return err
	}
	s.transport = transport.New(c.transport(s.url, proxy, main, via))
	return nil
}

func (c Config) transport(to, proxy *url.URL, main, via *tls.Config) transport.Config {
	if to.Scheme != "https" {
		main = nil
	}
	cfg := transport.Config{
		Owner:       "loki",
		Peer:        to.Host,
		DialTimeout: c.DialTimeout,
		TLS:         main,
		Proxy:       proxy,
		ProxyTLS:    via,
		HTTP2:       c.HTTP2,
		MaxConns:    maxConns,
		MaxIdle:     maxConns,
		IdleTimeout: idleTimeout,
		WriteBuffer: writeBuffer,
	}
	if c.AnswerTimeout < c.Timeout {
		cfg.HeaderTimeout = c.AnswerTimeout
	}
	return cfg
}

// refresh takes over what has changed in files. It is called before every request.
func (s *Sink) refresh() {
	s.credentials.refresh()
	s.security.refresh(s.transport.Renew)
}

// fileProblem returns what is wrong with the files of credentials and TLS; nil: nothing.
func (s *Sink) fileProblem() error { return errors.Join(s.credentials.err(), s.security.err()) }

// fileHint is for an answer, or a want of one, that may be due to a file.
func (s *Sink) fileHint() string {
	if err := s.fileProblem(); err != nil {
		return " (" + err.Error() + ")"
	}
	return ""
}
