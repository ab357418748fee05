package loki

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxReady is how much of the answer to Ready is read.
const maxReady = 4 << 10

// Ready asks Loki whether it is ready: GET /ready below its root, with the header fields of every request. It returns nil
// for the status 200 and nothing else; the error of another one has Loki's own words in it. Where a gateway does not pass
// /ready on, the error says so, and pushing may work all the same.
//
// It is for a host that wants to know at its start, or for its own readiness, whether the address and the credentials are
// right. A pipeline does not need it: what cannot be delivered yet is sent again. ctx and [Config.Timeout] bound it. It
// may be called at any time before Close, concurrently. Like a push, it looks whether files have changed; it changes
// neither Stats nor what Health says of pushes. After Close it returns [ErrClosed].
func (s *Sink) Ready(ctx context.Context) error {
	if s.closed.Load() {
		return ErrClosed
	}
	s.refresh()
	timed, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	j := newJourney("ready at")
	where := s.readyURL()
	resp, err := s.transport.RoundTrip((&http.Request{
		Method: http.MethodGet, URL: where, Host: where.Host, Header: s.readyHeader(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(j.traced(timed)))
	if err != nil {
		return s.noAnswer(ctx, timed, j, err)
	}
	defer resp.Body.Close()
	j.enter(receiving)
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxReady))
	s.credentials.answered(resp.StatusCode)
	switch {
	case resp.StatusCode == http.StatusOK:
		return nil
	case err != nil:
		return s.noAnswer(ctx, timed, j, err)
	}
	return fmt.Errorf("loki: %s: %s: status %d%s", where, s.unready(resp.StatusCode), resp.StatusCode, s.quote(string(text), len(text) == maxReady))
}

func (s *Sink) readyURL() *url.URL {
	u := *s.url
	u.Path = strings.TrimSuffix(u.Path, pushPath) + "/ready"
	u.RawPath = strings.TrimSuffix(u.RawPath, pushPath) + "/ready"
	return &u
}

// readyHeader is the header of a push without what describes its body.
func (s *Sink) readyHeader() http.Header {
	h := s.headerFor(s.cfg.TenantID).Clone()
	h.Del("Content-Type")
	h.Del("Content-Encoding")
	return h
}

func (s *Sink) unready(status int) string {
	switch {
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return "not exposed here: a gateway may not pass it on"
	case status/100 == 5:
		return "not ready"
	case status/100 == 3:
		return "redirects are not followed, check the URL"
	case refusesCredentials(status):
		return "check the credentials and the tenant" + s.fileHint()
	}
	return "no answer of Loki's"
}
