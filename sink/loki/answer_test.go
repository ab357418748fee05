package loki

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

func tenantRate(size, limit int) string {
	return fmt.Sprintf("ingestion rate limit exceeded for user fake (limit: %d bytes/sec) while attempting to ingest '%d' lines totaling '%d' bytes, reduce log volume or contact your Loki administrator to see if the limit can be increased", limit, 3, size)
}

const someStream = `{app="shop", service_name="shop"}`

// The classes of an error.
const (
	delivered = "delivered"
	retry     = "retry"
	wait      = "wait"
	throttled = "throttled" // wait, everybody
	permanent = "permanent"
)

func classOf(err error) string {
	if err == nil {
		return delivered
	}
	if sink.IsPermanent(err) {
		return permanent
	}
	if class, _ := sink.ClassOf(context.Background(), err, 1); class == batch.Throttled {
		return throttled
	}
	if _, ok := sink.After(err); ok {
		return wait
	}
	return retry
}

// Every row of the table, for a batch of one line: what the answer means and whether the sink is well afterwards.
func TestAnswers(t *testing.T) {
	rows := []struct {
		name   string
		answer fixedAnswer
		class  string
		well   bool
		says   string
	}{
		{"stored", fixedAnswer{204, "", nil}, delivered, true, ""},
		{"ok is not enough", fixedAnswer{200, "welcome", nil}, retry, false, "only 204"},
		{"blocked", fixedAnswer{260, "ingestion blocked for user 'x' until '2030-01-01T00:00:00Z' with status code '260'", nil}, retry, false, "blocked"},
		{"blocked with 400", fixedAnswer{400, "ingestion blocked for user 'x' until '2030-01-01T00:00:00Z' with status code '400'", nil}, retry, false, "blocked"},
		{"blocked with 429", fixedAnswer{429, "ingestion blocked for user 'x' until '2030-01-01T00:00:00Z' with status code '429'", nil}, throttled, false, "blocked"},
		{"redirect", fixedAnswer{302, "", map[string]string{"Location": "/elsewhere"}}, retry, false, "redirects"},
		{"too new", fixedAnswer{400, "entry for stream '" + someStream + "' has timestamp too new: " + start.UTC().Format(time.RFC3339), nil}, permanent, true, "too new"},
		{"too old", fixedAnswer{400, "entry for stream '" + someStream + "' has timestamp too old: " + start.UTC().Format(time.RFC3339) + ", oldest acceptable timestamp is: 2030-01-01T00:00:00Z", nil}, permanent, true, "too old"},
		{"line", fixedAnswer{400, "max entry size '3' bytes exceeded for stream '" + someStream + "' while adding an entry with length '4' bytes", nil}, permanent, true, "max entry size"},
		{"labels", fixedAnswer{400, "entry for stream '" + someStream + "' has 22 label names; limit 15", nil}, permanent, true, "22 label names"},
		{"name", fixedAnswer{400, "stream '" + someStream + "' has label name too long: 'xxx'", nil}, permanent, true, "name too long"},
		{"value", fixedAnswer{400, "stream '" + someStream + "' has label value too long: 'xxx'", nil}, permanent, true, "value too long"},
		{"duplicate", fixedAnswer{400, "stream '" + someStream + "' has duplicate label name: 's'", nil}, permanent, true, "duplicate"},
		{"enforced", fixedAnswer{400, "missing required labels 'team' for user 'x' for stream '{}' (policy: '')", nil}, permanent, true, "missing required"},
		{"metadata", fixedAnswer{400, "stream '" + someStream + "' has structured metadata too large: '71681' bytes, limit: '65536' bytes. Please see `limits_config.max_structured_metadata_size` or contact your Loki administrator to increase it", nil}, permanent, true, "too large"},
		{"behind", fixedAnswer{400, "entry with timestamp " + start.UTC().String() + " ignored, reason: 'entry too far behind, entry timestamp is: x, oldest acceptable timestamp is: 2030-01-01T00:00:00Z',\nuser 'fake', total ignored: 1 out of 1 for stream: {}", nil}, permanent, true, "too far behind"},
		{"unheard of", fixedAnswer{400, "the moon is in the wrong phase", nil}, permanent, true, "the moon"},
		{"unparsable labels", fixedAnswer{400, "couldn't parse labels: 1:30: parse error", nil}, permanent, false, "whole request"},
		{"snappy", fixedAnswer{400, "snappy: corrupt input", nil}, permanent, false, "whole request"},
		{"proto", fixedAnswer{400, "proto: illegal wireType 7", nil}, permanent, false, "whole request"},
		{"no streams", fixedAnswer{422, "error at least one valid stream is required for ingestion", nil}, permanent, false, "whole request"},
		{"web page", fixedAnswer{400, "<html><h1>Bad Request</h1>", map[string]string{"Content-Type": "text/html"}}, retry, false, "not Loki's"},
		{"gateway's JSON", fixedAnswer{400, `{"message":"Bad Request"}`, map[string]string{"Content-Type": "application/json"}}, retry, false, "not Loki's"},
		{"Loki's words in JSON", fixedAnswer{400, `{"error":"entry for stream '{}' has timestamp too new: x"}`, nil}, permanent, true, "too new"},
		{"TLS port", fixedAnswer{400, "Client sent an HTTP request to an HTTPS server.", nil}, retry, false, "check the URL"},
		{"nothing said", fixedAnswer{400, "", nil}, retry, false, "check the URL"},
		{"stream rate", fixedAnswer{429, "entry with timestamp x ignored, reason: 'Per stream rate limit exceeded (limit: 3MB/sec) …',\n", nil}, wait, false, "rate limit of the stream"},
		{"stream rate in 400", fixedAnswer{400, "entry with timestamp x ignored, reason: 'Per stream rate limit exceeded (limit: 3MB/sec) …',\n", nil}, wait, false, "rate limit of the stream"},
		{"stream rate in a label", fixedAnswer{400, "entry for stream '{app=\"reason: 'Per stream rate limit exceeded\"}' has timestamp too new: " + start.UTC().Format(time.RFC3339), nil}, permanent, true, "too new"},
		{"stream rate in a late one's label", fixedAnswer{400, "entry with timestamp " + start.UTC().String() + " ignored, reason: 'entry too far behind, entry timestamp is: x, oldest acceptable timestamp is: 2030-01-01T00:00:00Z',\nuser 'fake', total ignored: 1 out of 1 for stream: {app=\"\\nentry with timestamp x ignored, reason: 'Per stream rate limit exceeded\"}", nil}, permanent, true, "too far behind"},
		{"size in a label", fixedAnswer{500, "rpc error: code = Unknown desc = {app=\"received message larger than max\"}", nil}, retry, false, "not stored"},
		{"tenant rate", fixedAnswer{429, tenantRate(100, 1000), nil}, throttled, false, "rate limit of the tenant"},
		{"streams", fixedAnswer{429, "maximum active stream limit exceeded when trying to create stream {}", nil}, wait, false, "too many streams"},
		{"gateway's 429", fixedAnswer{429, "slow down", nil}, throttled, false, "slow down"},
		{"grpc size, one entry", fixedAnswer{500, "rpc error: code = ResourceExhausted desc = grpc: received message larger than max (6282765 vs. 4194304)", nil}, permanent, true, "too large"},
		{"413, one entry", fixedAnswer{413, "request body too large: 1 bytes, limit: 1 bytes", nil}, permanent, true, "too large"},
		{"compressed size, one entry", fixedAnswer{400, "compressed message size 9 exceeds limit 8", nil}, permanent, true, "too large"},
		{"starting", fixedAnswer{500, "empty ring", nil}, retry, false, "empty ring"},
		{"bad gateway", fixedAnswer{502, "", nil}, retry, false, "502"},
		{"unavailable", fixedAnswer{503, "", nil}, retry, false, "503"},
		{"unavailable, asked to wait", fixedAnswer{503, "", map[string]string{"Retry-After": "7"}}, throttled, false, "503"},
		{"two tenants", fixedAnswer{400, "multiple org IDs present", nil}, retry, false, "tenant"},
		{"bad tenant", fixedAnswer{400, "tenant ID 'a/b' contains unsupported character '/'", nil}, retry, false, "tenant"},
		{"unauthorized", fixedAnswer{401, "no org id", nil}, retry, false, "credentials"},
		{"forbidden", fixedAnswer{403, "", nil}, retry, false, "credentials"},
		{"not found", fixedAnswer{404, "404 page not found", nil}, retry, false, "check the URL"},
		{"method", fixedAnswer{405, "", nil}, retry, false, "check the URL"},
		{"request timeout, asked to wait", fixedAnswer{408, "", map[string]string{"Retry-After": "7"}}, retry, false, "408"},
		{"tenant rate, asked to wait", fixedAnswer{429, tenantRate(100, 1000), map[string]string{"Retry-After": "7"}}, throttled, false, "rate limit of the tenant"},
		{"stream rate, asked to wait", fixedAnswer{429, "entry with timestamp x ignored, reason: 'Per stream rate limit exceeded (limit: 3MB/sec) …',\n", map[string]string{"Retry-After": "7"}}, wait, false, "rate limit of the stream"},
		{"request timeout", fixedAnswer{408, "", nil}, retry, false, "408"},
		{"media type", fixedAnswer{415, "", nil}, retry, false, "415"},
		{"too early", fixedAnswer{425, "", nil}, retry, false, "425"},
	}
	for i := range 2 * len(rows) {
		row, packed := rows[i/2], i%2 == 1
		t.Run(fmt.Sprintf("%s, packed %v", row.name, packed), func(t *testing.T) {
			f := newFake(t)
			f.answers(row.answer)
			s := newSink(t, f.URL, func(c *Config) { c.Packed = packed })
			err := s.Write(t.Context(), newBatch(shop, "line"))
			if got := classOf(err); got != row.class {
				t.Errorf("%s, want %s: %v", got, row.class, err)
			}
			if err != nil && !strings.Contains(err.Error(), row.says) {
				t.Errorf("%v: does not say %q", err, row.says)
			}
			if (s.Health() == nil) != row.well {
				t.Errorf("Health: %v", s.Health())
			}
			if s.Stats().Statuses[row.answer.status] != 1 {
				t.Errorf("%+v", s.Stats())
			}
			if err := s.Write(t.Context(), newBatch(shop, "line")); err != nil || s.Health() != nil {
				t.Errorf("the next Write: %v, %v", err, s.Health())
			}
		})
	}
}

// A rate limit of the tenant concerns the whole sink if that has one tenant, and in a batch of several streams too; a
// gateway's concerns it in any case.
func TestThrottled(t *testing.T) {
	rate, gateway := fixedAnswer{429, tenantRate(100, 1000), nil}, fixedAnswer{429, "slow down", nil}
	for _, c := range []struct {
		answer fixedAnswer
		label  string
		want   batch.Class
	}{
		{rate, "", batch.Throttled}, {rate, "team", batch.Inconclusive}, {gateway, "", batch.Throttled}, {gateway, "team", batch.Throttled},
	} {
		for _, packed := range []bool{false, true} {
			f := newFake(t)
			f.packed = packed
			f.answers(c.answer, c.answer)
			s := newSink(t, f.URL, func(cfg *Config) { cfg.TenantLabel, cfg.TenantID, cfg.Packed = c.label, "rest", packed })
			err := s.Write(t.Context(), byTenant(batch.MustLabels("app", "a"), batch.MustLabels("app", "b")))
			if got, _ := sink.ClassOf(t.Context(), err, 2); got != c.want || len(f.all()) != 1 {
				t.Errorf("%v by label %q, packed %v: class %v, want %v, after %d requests: %v", c.answer.body, c.label, packed, got, c.want, len(f.all()), err)
			}
		}
	}
}

func TestRetryAfterHeader(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": 0, "17": 17 * time.Second, " 3 ": 3 * time.Second, "-1": 0, "soon": 0, "1.5": 0,
		"99999999": maxWait, "18446744073709551616": 0,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second, "Fri, 02 Jan 2026 03:04:00 GMT": 0, "Fri, 01 Jan 2100 00:00:00 GMT": maxWait,
	} {
		if got := retryAfter(http.Header{"Retry-After": {v}}, now); got != want {
			t.Errorf("%q: %v, want %v", v, got, want)
		}
	}
	f := newFake(t)
	f.answers(fixedAnswer{429, "slow down", map[string]string{"Retry-After": "41"}})
	err := newSink(t, f.URL).Write(t.Context(), newBatch(shop, "line"))
	if d, ok := sink.After(err); !ok || d != 41*time.Second {
		t.Errorf("%v, %v: %v", d, ok, err)
	}
}

// No secret gets into an error, even if the other side sends it back.
func TestErrorsHaveNoSecrets(t *testing.T) {
	f := newFake(t)
	f.answer = func(_ int, _ push, w http.ResponseWriter, r *http.Request) bool {
		http.Error(w, strings.Repeat("x", maxQuoted-10)+r.Header.Get("Authorization")+" "+r.Header.Get("X-Key"), http.StatusForbidden)
		return true
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.BearerToken = "hunter2-token" },
		func(c *Config) { c.BasicAuth = BasicAuth{Username: "user", Password: "hunter2"} },
		func(c *Config) { c.Headers = http.Header{"X-Key": {"hunter2-key"}} },
	} {
		err := newSink(t, f.URL, change).Write(t.Context(), newBatch(shop, "line"))
		if err == nil || strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "dXNlc") {
			t.Error(err)
		}
	}
}
