package loki

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/logferry/logferry/sink"
)

// A verdict is what an answer means for the entries of its request, and for those that were to follow.
type verdict int

const (
	stored      verdict = iota // all of them
	someRefused                // some are refused for good; the others are stored
	allRefused                 // for good
	tooLarge                   // nothing is stored; smaller requests may be
	limited                    // stopped by a rate limit; smaller requests get through more easily
	undelivered                // nothing is known to be stored
)

// A ruling is a verdict with its reason.
type ruling struct {
	verdict verdict
	err     error // with its class; nil for stored
	scope   scope // of what else has to wait, if the verdict is limited or undelivered
	burst   bool  // limited: the request is larger than what the limit allows in a second
}

// A scope is whom a ruling concerns.
type scope int

const (
	thisStream scope = iota
	wholeTenant
	everybody
)

// maxWait bounds what a Retry-After is believed to ask for.
const maxWait = time.Hour

// The texts by which Loki's answers are told apart, v3.7.8: pkg/validation/validate.go, pkg/loghttp/push/push.go,
// pkg/distributor/http.go. Where a text can occur is part of what is matched: labels may contain any of them.
const (
	textStreamRate  = "Per stream rate limit exceeded"
	textTenantRate  = "ingestion rate limit exceeded for user "
	textStreamLimit = "maximum active stream limit exceeded"
	textBlocked     = "ingestion blocked for user "
	textGRPCSize    = "received message larger than max"
)

// requestTexts begin the answers 400 that refuse the request as such: nothing of it was looked at.
var requestTexts = []string{"couldn't parse labels", "snappy: ", "proto: ", "s2: ", "no org id", "timestamp: ", "loghttp.PushRequest",
	"readObjectStart: ", "EOF", "unexpected EOF", "gzip: ", "flate: "}

// tenantTexts begin the answers 400 that refuse the tenant, whatever it sends. See ValidTenantID in dskit's package tenant.
var tenantTexts = []string{"multiple org IDs present", "tenant ID "}

// rule decides what a means.
func (s *Sink) rule(a answer) ruling {
	if a.err != nil {
		return ruling{verdict: undelivered, err: a.err, scope: everybody}
	}
	switch a.status {
	case http.StatusNoContent:
		return ruling{verdict: stored}
	case http.StatusBadRequest:
		return s.ruleBadRequest(a)
	case http.StatusRequestEntityTooLarge:
		return ruling{verdict: tooLarge, err: sink.Permanent(s.answerError(a, "too large"))}
	case http.StatusUnprocessableEntity:
		return ruling{verdict: allRefused, err: sink.Permanent(s.answerError(a, "the whole request was refused"))}
	case http.StatusTooManyRequests:
		return s.ruleTooMany(a)
	}
	if a.status == http.StatusInternalServerError && saysGRPCSize(a.body) {
		return ruling{verdict: tooLarge, err: sink.Permanent(s.answerError(a, "too large"))}
	}
	return s.ruleOther(a)
}

func (s *Sink) ruleBadRequest(a answer) ruling {
	if strings.HasPrefix(a.body, textBlocked) || refusesTenant(a) || fromGateway(a) {
		return s.ruleOther(a)
	}
	if strings.HasPrefix(a.body, "compressed message size ") {
		return ruling{verdict: tooLarge, err: sink.Permanent(s.answerError(a, "too large"))}
	}
	for _, text := range requestTexts {
		if strings.HasPrefix(a.body, text) {
			return ruling{verdict: allRefused, err: sink.Permanent(s.answerError(a, "the whole request was refused and is lost"))}
		}
	}
	// Also among reasons of other kinds: what was refused for the rate can be sent again, and what was stored may be.
	if saysStreamRate(a.body) {
		return ruling{verdict: limited, err: s.waitError(a, "rate limit of the stream")}
	}
	return ruling{verdict: someRefused, err: sink.Permanent(s.answerError(a, "refused"))}
}

func (s *Sink) ruleTooMany(a answer) ruling {
	switch {
	case strings.HasPrefix(a.body, textTenantRate):
		return ruling{verdict: limited, err: s.tenantError(a, "rate limit of the tenant"), scope: wholeTenant, burst: exceedsSecond(a.body)}
	case saysStreamRate(a.body):
		return ruling{verdict: limited, err: s.waitError(a, "rate limit of the stream")}
	case strings.HasPrefix(a.body, textStreamLimit):
		return ruling{verdict: undelivered, err: s.waitError(a, "too many streams")}
	case strings.HasPrefix(a.body, textBlocked):
		return ruling{verdict: undelivered, err: s.tenantError(a, hint(a)), scope: a.scope()}
	}
	return ruling{verdict: undelivered, err: s.throttledError(a, "asked to wait"), scope: everybody}
}

// ruleOther is for what speaks about the way to Loki rather than about the entries.
func (s *Sink) ruleOther(a answer) ruling {
	what := hint(a)
	if refusesCredentials(a.status) {
		what += s.fileHint()
	}
	err := s.answerError(a, what)
	if wait := retryAfter(a.header, time.Now()); a.status/100 == 5 && wait > 0 {
		err = sink.Throttled(err, wait)
	}
	return ruling{verdict: undelivered, err: err, scope: a.scope()}
}

// scope returns whom an answer concerns that speaks about the way to Loki.
func (a *answer) scope() scope {
	if a.status == http.StatusUnauthorized || a.status == http.StatusForbidden || strings.HasPrefix(a.body, textBlocked) {
		return wholeTenant
	}
	return everybody
}

// hint says what to look at.
func hint(a answer) string {
	switch code := a.status; {
	case strings.HasPrefix(a.body, textBlocked):
		return "not stored: ingestion is blocked"
	case refusesTenant(a) || code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusProxyAuthRequired:
		return "not stored: check the credentials and the tenant"
	case code == http.StatusNotFound || code == http.StatusMethodNotAllowed:
		return "not stored: check the URL"
	case code/100 == 3:
		return "not stored: redirects are not followed, check the URL"
	case code/100 == 2:
		return "not stored: only 204 says so"
	case code == http.StatusBadRequest:
		return "not stored: the answer is not Loki's, check the URL"
	}
	return "not stored"
}

// saysGRPCSize looks in front of what may be labels.
func saysGRPCSize(body string) bool {
	before, _, found := strings.Cut(body, textGRPCSize)
	return found && !strings.Contains(before, "{")
}

func refusesTenant(a answer) bool {
	return a.status == http.StatusBadRequest &&
		slices.ContainsFunc(tenantTexts, func(text string) bool { return strings.HasPrefix(a.body, text) })
}

// fromGateway reports whether the answer 400 is one that Loki itself never gives: a web page, nothing at all, an object of
// JSON without Loki's words in it, what net/http says to a client that talks plain HTTP to a TLS port, or that it does
// not take what Loki does.
func fromGateway(a answer) bool {
	switch {
	case a.body == "", strings.HasPrefix(a.header.Get("Content-Type"), "text/html"):
		return true
	case strings.HasPrefix(a.body, "{"):
		return !strings.Contains(a.body, "stream") // as every refusal of entries does
	}
	return strings.HasPrefix(a.body, "<") || strings.HasPrefix(a.body, "Client sent an HTTP request to an HTTPS server") ||
		strings.HasPrefix(a.body, `Content-Encoding "`)
}

// answerError is an error without a class.
func (s *Sink) answerError(a answer, what string) error {
	return fmt.Errorf("loki: push to %s://%s: %s: status %d%s", s.url.Scheme, s.url.Host, what, a.status, s.quote(a.body, a.cut))
}

func (s *Sink) waitError(a answer, what string) error {
	return sink.RetryAfter(s.answerError(a, what), retryAfter(a.header, time.Now()))
}

// throttledError is waitError where the whole sink is meant.
func (s *Sink) throttledError(a answer, what string) error {
	return sink.Throttled(s.answerError(a, what), retryAfter(a.header, time.Now()))
}

// tenantError is waitError where all of a tenant is meant, which is the whole sink if there is no other.
func (s *Sink) tenantError(a answer, what string) error {
	if s.cfg.TenantLabel != "" {
		return s.waitError(a, what)
	}
	return s.throttledError(a, what)
}

// maxQuoted is how much of an answer an error repeats.
const maxQuoted = 400

// quote returns ": " and the beginning of text, in one line and without secrets. cut says that text had been longer.
func (s *Sink) quote(text string, cut bool) string {
	if text == "" {
		return ""
	}
	// The replacement comes before the cut, which might leave half a secret.
	text = strings.Join(strings.Fields(s.credentials.withoutSecrets(text, cut)), " ")
	if len(text) > maxQuoted {
		end := maxQuoted
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + "…"
	}
	return ": " + strings.ToValidUTF8(text, "\uFFFD")
}

// retryAfter reads the header of that name, RFC 9110, section 10.2.3: seconds or a date. Zero: absent or nonsense.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if secs, err := strconv.ParseUint(v, 10, 63); err == nil {
		return time.Duration(min(secs, uint64(maxWait/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(at.Sub(now), 0), maxWait)
	}
	return 0
}

// exceedsSecond reports whether the answer of the tenant's rate limit names a request larger than a second's allowance.
// The text does not tell the burst, which is what counts; but one that is smaller than the rate is rare.
func exceedsSecond(body string) bool {
	limit, ok := numberAfter(body, "(limit: ")
	if !ok {
		return false
	}
	size, ok := numberAfter(body, "totaling '")
	return ok && size > limit
}

// numberAfter returns the decimal number that follows the first occurrence of mark.
func numberAfter(s, mark string) (int, bool) {
	_, s, ok := strings.Cut(s, mark)
	if !ok {
		return 0, false
	}
	n, _, ok := cutNumber(s)
	return n, ok
}

// cutNumber splits a decimal number off the front of s.
func cutNumber(s string) (n int, rest string, ok bool) {
	end := 0
	for end < len(s) && '0' <= s[end] && s[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(s[:end])
	return n, s[end:], err == nil
}
