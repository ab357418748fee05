package loki

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

const (
	// maxAnswer is how much of an answer's body is looked at.
	maxAnswer = 64 << 10
	// maxDrain is how much more of it is read so that the connection can be used again; past that, a new one is cheaper.
	maxDrain = 64 << 10
)

// An answer is what came of one exchange.
type answer struct {
	err     error // no answer; the other fields are zero
	status  int
	header  http.Header
	body    string
	cut     bool // body is only the first part
	request int  // bytes sent, before compression
}

// exchange sends r and reads the answer. It releases r's wire.
func (s *Sink) exchange(ctx context.Context, r request) answer {
	defer r.wire.release()
	if err := ctx.Err(); err != nil {
		return answer{err: fmt.Errorf("loki: push: %w", context.Cause(ctx))}
	}
	s.refresh()
	timed, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	s.stats.sent(r.raw, len(r.wire.b))
	j := newJourney("push to")
	a, err := s.ask(timed, j, r)
	if err != nil {
		a = answer{err: s.noAnswer(ctx, timed, j, err)}
	}
	a.request = r.raw
	s.stats.answered(a.status)
	s.credentials.answered(a.status)
	return a
}

// ask sends r and reads the answer.
func (s *Sink) ask(ctx context.Context, j *journey, r request) (answer, error) {
	resp, err := s.roundTrip(ctx, j, r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	j.enter(receiving)
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.status == http.StatusNoContent {
		return a, nil
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		s.stats.unanswered.Add(1)
		// The status has arrived, but without the whole body there is no telling what it means for each entry.
		return answer{}, fmt.Errorf("status %d: %w", a.status, err)
	}
	if a.cut = len(text) > maxAnswer; a.cut {
		text = text[:maxAnswer]
		// What fails here only costs the connection.
		_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
	}
	a.body = string(text)
	return a, nil
}

// roundTrip sends r. If an idle connection fails, it was most likely closed by the other side while it was idle, and the
// request goes out again on the next one or a fresh one; net/http does that for some of those failures only. Loki may
// have got the request all the same, but stores it once. In HTTP/2 that happens to a connection that many requests share.
func (s *Sink) roundTrip(ctx context.Context, j *journey, r request) (resp *http.Response, err error) {
	tries := maxConns + 1
	if s.cfg.HTTP2 {
		tries = 2
	}
	for range tries {
		resp, err = s.transport.RoundTrip(s.request(j.traced(ctx), r))
		if err == nil {
			break
		}
		if j.whole() {
			s.stats.unanswered.Add(1)
		}
		if !j.reused.Load() || ctx.Err() != nil || isTimeout(err) {
			break
		}
	}
	return resp, err
}

// isTimeout reports whether err is the end of somebody's patience, and so not that of an idle connection.
func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}

// request makes the HTTP request for r. In HTTP/2 a server may refuse one before it has looked at it, and net/http sends
// it again.
func (s *Sink) request(ctx context.Context, r request) *http.Request {
	req := &http.Request{
		Method:        http.MethodPost,
		URL:           s.url,
		Host:          s.url.Host,
		Header:        s.headerFor(r.tenant),
		Body:          r.wire.body(),
		ContentLength: int64(len(r.wire.b)),
		Proto:         "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if s.cfg.HTTP2 {
		req.GetBody = func() (io.ReadCloser, error) { return r.wire.body(), nil }
	}
	return req.WithContext(ctx)
}

// noAnswer says why there was none, and how far the request j got: the caller's ctx, our own timeout, or what the network
// says.
func (s *Sink) noAnswer(ctx, timed context.Context, j *journey, err error) error {
	where := fmt.Sprintf("loki: %s %s://%s", j.what, s.url.Scheme, s.url.Host)
	if s.cfg.ProxyURL != "" && j.phase() < sending {
		where += " through the proxy"
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %v: %w", where, j, context.Cause(ctx))
	}
	if timed.Err() != nil {
		return fmt.Errorf("%s: no answer within %v: %v: %w", where, s.cfg.Timeout, j, context.DeadlineExceeded)
	}
	hint := ""
	switch {
	case j.phase() == handshaking:
		hint = s.fileHint()
	case s.cfg.HTTP2 && strings.Contains(err.Error(), textUnestablished):
		// What net/http keeps to itself is why: a server of TLS 1.3 refuses a certificate after the handshake.
		hint = " (perhaps it does not take our certificate, or wants one)"
	}
	return fmt.Errorf("%s: %v: %w%s", where, j, s.unsecret(err), hint)
}

// textUnestablished is what net/http says of a connection in HTTP/2 that ends before the server has said a word.
const textUnestablished = "http2: client conn could not be established"

// unsecret returns err unless its text has a secret in it.
func (s *Sink) unsecret(err error) error {
	if text := s.credentials.redacted(err.Error()); text != err.Error() {
		return errors.New(text)
	}
	return err
}
