package loki

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
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
	timed, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	s.stats.sent(r.raw, len(r.wire.b))
	a, err := s.ask(timed, r)
	if err != nil {
		a = answer{err: s.noAnswer(ctx, timed, err)}
	}
	a.request = r.raw
	s.stats.answered(a.status)
	return a
}

// ask sends r and reads the answer.
func (s *Sink) ask(ctx context.Context, r request) (answer, error) {
	resp, err := s.roundTrip(ctx, r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.status == http.StatusNoContent {
		return a, nil
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		// The status has arrived, but without the whole body there is no telling what it means for each entry.
		return answer{}, fmt.Errorf("reading the answer with status %d: %w", a.status, err)
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
// have got the request all the same, but stores it once.
func (s *Sink) roundTrip(ctx context.Context, r request) (resp *http.Response, err error) {
	for range maxConns + 1 {
		idle := false
		traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			GotConn: func(c httptrace.GotConnInfo) { idle = c.Reused },
		})
		resp, err = s.transport.RoundTrip((&http.Request{
			Method:        http.MethodPost,
			URL:           s.url,
			Host:          s.url.Host,
			Header:        s.headerFor(r.tenant),
			Body:          r.wire.body(),
			ContentLength: int64(len(r.wire.b)),
			Proto:         "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		}).WithContext(traced))
		if err == nil || !idle || ctx.Err() != nil {
			break
		}
	}
	return resp, err
}

// noAnswer says why there was none: the caller's ctx, our own timeout, or what the network says.
func (s *Sink) noAnswer(ctx, timed context.Context, err error) error {
	where := s.url.Scheme + "://" + s.url.Host
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("loki: push to %s: %w", where, context.Cause(ctx))
	case timed.Err() != nil:
		return fmt.Errorf("loki: push to %s: no answer within %v: %w", where, s.cfg.Timeout, context.DeadlineExceeded)
	default:
		return fmt.Errorf("loki: push to %s: %w", where, s.unsecret(err))
	}
}

// unsecret returns err unless its text has a secret in it.
func (s *Sink) unsecret(err error) error {
	if text := s.redact.Replace(err.Error()); text != err.Error() {
		return errors.New(text)
	}
	return err
}
