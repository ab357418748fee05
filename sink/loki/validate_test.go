package loki

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// What Loki would refuse is not sent, and what is beside it is.
func TestBadEntries(t *testing.T) {
	manyAttrs := make([]batch.Attr, 129)
	for i := range manyAttrs {
		manyAttrs[i].Key = fmt.Sprint("k", i)
	}
	for name, c := range map[string]struct {
		spoil func(*batch.Entry)
		says  string
	}{
		"long line":  {func(e *batch.Entry) { e.Line = make([]byte, 256<<10+1) }, "line of 262145 bytes"},
		"no time":    {func(e *batch.Entry) { e.Time = time.Time{} }, "no time"},
		"far future": {func(e *batch.Entry) { e.Time = time.Date(2262, 4, 12, 0, 0, 0, 0, time.UTC) }, "64 bits"},
		"far past":   {func(e *batch.Entry) { e.Time = time.Date(1677, 9, 21, 0, 0, 0, 0, time.UTC) }, "64 bits"},
		"many attrs": {func(e *batch.Entry) { e.Attrs = manyAttrs }, "129 attributes"},
		"big attrs":  {func(e *batch.Entry) { e.Attrs = []batch.Attr{{Key: "k", Value: strings.Repeat("v", 64<<10)}} }, "attributes of 65537 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			s := newSink(t, f.URL)
			b := newBatch(shop, "before", "bad", "after")
			c.spoil(&b.Entries[1])
			err := s.Write(t.Context(), b)
			if got := failedIndices(t, err, 3); !slices.Equal(got, []int{1}) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("failed %v: %v", got, err)
			}
			if got := f.lines(); !slices.Equal(got, []string{"before", "after"}) {
				t.Errorf("stored %q", got)
			}
			if err := s.Write(t.Context(), b.Subset([]int32{1})); !sink.IsPermanent(err) {
				t.Errorf("alone: %v is not permanent", err)
			}
			if len(f.all()) != 1 {
				t.Error("a request with nothing in it was made")
			}
		})
	}
}

func labelsOf(n int, more ...string) batch.Labels {
	m := map[string]string{}
	for i := range n {
		m[fmt.Sprint("l", i)] = "v"
	}
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	l, err := batch.NewLabels(m)
	if err != nil {
		panic(err)
	}
	return l
}

func TestBadLabels(t *testing.T) {
	f := newFake(t)
	s := newSink(t, f.URL)
	for _, c := range []struct {
		labels batch.Labels
		says   string
	}{
		{batch.Labels{}, "none"},
		{labelsOf(0, strings.Repeat("n", 1025), "v"), "none"},
		{labelsOf(0, "n", strings.Repeat("v", 2049)), "none"},
		{labelsOf(14), ""},
		{labelsOf(14, "service_name", "shop"), ""},
		{labelsOf(1, strings.Repeat("n", 1024), strings.Repeat("v", 2048)), ""},
	} {
		err := s.Write(t.Context(), newBatch(c.labels, "a", "b"))
		if c.says == "" && err != nil {
			t.Errorf("%.60v: %v", c.labels, err)
		}
		if c.says != "" && (!sink.IsPermanent(err) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%.60v: %v does not say %q", c.labels, err, c.says)
		}
	}
	if n := len(f.all()); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

func TestExternalLabels(t *testing.T) {
	f := newFake(t)
	s := newSink(t, f.URL, func(c *Config) { c.ExternalLabels = batch.MustLabels("host", "h", "env", "prod") })
	for _, l := range []batch.Labels{{}, batch.MustLabels("env", "own", "z", "1")} {
		if err := s.Write(t.Context(), newBatch(l, "x")); err != nil {
			t.Error(err)
		}
	}
	var got []string
	for _, p := range f.all() {
		got = append(got, p.labels)
	}
	if !slices.Equal(got, []string{`{env="prod", host="h"}`, `{env="own", host="h", z="1"}`}) {
		t.Error(got)
	}
}

// The memory of streams is bounded.
func TestStreamsAreForgotten(t *testing.T) {
	s := mappings{rule: labelRule{max: defaultMaxLabels}, codec: protobufCodec{}}
	for i := range maxMappings + 7 {
		l := batch.MustLabels("i", fmt.Sprint(i))
		if m := s.of(l); m != s.of(l) {
			t.Fatal("made twice")
		}
	}
	if len(s.byOf) != 7 || len(s.streams) != 7 {
		t.Errorf("%d mappings and %d streams are remembered, want 7", len(s.byOf), len(s.streams))
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		says   string
	}{
		{func(c *Config) { c.URL = "" }, "Config.URL: missing"},
		{func(c *Config) { c.URL = "localhost:3100" }, "Config.URL: does not begin with http"},
		{func(c *Config) { c.URL = "ftp://loki" }, "Config.URL: does not begin with http"},
		{func(c *Config) { c.URL = "http://" }, "Config.URL: names no host"},
		{func(c *Config) { c.URL = "http://:3100" }, "Config.URL: names no host"},
		{func(c *Config) { c.URL = "http://u:hunter2@loki" }, "Config.URL: contains a user name"},
		{func(c *Config) { c.URL = "http://u:hunter2/x@loki" }, "Config.URL: not a URL"},
		{func(c *Config) { c.URL = "http://loki?token=hunter2" }, "Config.URL: has a query"},
		{func(c *Config) { c.URL = "http://loki/#x" }, "Config.URL: has a query or a fragment"},
		{func(c *Config) { c.URL = "http://loki/loki/api/v1" }, "Config.URL: path /loki/api/v1: want"},
		{func(c *Config) { c.URL = "http://loki/api/prom/push" }, "Config.URL: path /api/prom/push: want"},
		{func(c *Config) { c.MaxRequest = -1 }, "Config.MaxRequest: -1 bytes"},
		{func(c *Config) { c.MaxRequest = 4 << 20 }, "Config.MaxRequest: 4194304 bytes: want 1 to 3145728"},
		{func(c *Config) { c.MaxLine = 4 << 20 }, "Config.MaxLine: 4194304 bytes"},
		{func(c *Config) { c.Timeout = -time.Second }, "Config.Timeout: -1s: negative"},
		{func(c *Config) { c.BasicAuth.Password = "hunter2" }, "Config.BasicAuth.Password: given without Username"},
		{func(c *Config) { c.BasicAuth.Username = "a:b" }, "Config.BasicAuth.Username: contains a colon"},
		{func(c *Config) { c.BasicAuth.Username, c.BearerToken = "a", "hunter2" }, "Config.BearerToken: given beside BasicAuth"},
		{func(c *Config) { c.BearerToken = "hunter2\r\nX: y" }, "Config.BearerToken: contains a control character"},
		{func(c *Config) { c.URL = "http://loki:99999" }, "Config.URL: port: want 1 to 65535"},
		{func(c *Config) { c.URL = "http://loki:0" }, "Config.URL: port: want 1 to 65535"},
		{func(c *Config) { c.ProxyURL = "http://proxy:65536" }, "Config.ProxyURL: port: want 1 to 65535"},
		{func(c *Config) { c.Headers = http.Header{"upgrade": {"h2c"}} }, `Config.Headers: "upgrade": changes how`},
		{func(c *Config) { c.Headers = http.Header{"accept-encoding": {"gzip"}} }, `Config.Headers: "accept-encoding": changes how`},
		{func(c *Config) { c.MaxLabels = -1 }, "Config.MaxLabels: -1: negative"},
		{func(c *Config) { c.TenantID = ".." }, "Config.TenantID: not allowed"},
		{func(c *Config) { c.TenantID = strings.Repeat("x", 151) }, "Config.TenantID: 151 bytes, limit 150"},
		{func(c *Config) { c.TenantLabel = "a.b" }, `Config.TenantLabel: "a.b" is not a label name`},
		{func(c *Config) { c.StreamLabels = []string{"a", "b-c"} }, `Config.StreamLabels: "b-c" is not a label name`},
		{func(c *Config) { c.StreamLabels = []string{} }, "Config.StreamLabels: leave every stream without labels"},
		{func(c *Config) { c.TenantLabel, c.StreamLabels = "t", []string{"t"} }, "Config.StreamLabels: leave every stream without labels"},
		{func(c *Config) { c.ExternalLabels = labelsOf(15) }, "Config.ExternalLabels: 15 beside service_name, limit 14"},
		{func(c *Config) { c.ExternalLabels = labelsOf(1, "n", strings.Repeat("v", 2049)) }, "Config.ExternalLabels: n: 1 and 2049 bytes"},
		{func(c *Config) { c.TenantLabel, c.ExternalLabels = "l0", labelsOf(1) }, "Config.ExternalLabels: l0 is the TenantLabel"},
		{func(c *Config) { c.Times.TooOld = 7 }, "Config.Times.TooOld: 7: want Keep"},
		{func(c *Config) { c.Times.MaxAge = -1 }, "Config.Times.MaxAge: -1ns: negative"},
		{func(c *Config) { c.TenantID = "a\nb" }, "Config.TenantID: contains"},
		{func(c *Config) { c.UserAgent = "a\x00" }, "Config.UserAgent: contains a control character"},
		{func(c *Config) { c.Headers = http.Header{"a b": {"x"}} }, `Config.Headers: "a b": not a header name`},
		{func(c *Config) { c.Headers = http.Header{"A": {"hunter2\n"}} }, `Config.Headers: "A": its value contains a control`},
		{func(c *Config) { c.Headers = http.Header{"content-type": {"x"}} }, `"content-type": set by the sink`},
		{func(c *Config) { c.Headers = http.Header{"user-agent": {"x"}} }, `"user-agent": use UserAgent`},
		{func(c *Config) { c.Headers = http.Header{"X-Scope-OrgID": {"x"}} }, `"X-Scope-OrgID": use Tenant`},
		{func(c *Config) { c.BearerToken = "t"; c.Headers = http.Header{"Authorization": {"x"}} }, `"Authorization": given beside`},
	} {
		cfg := Config{URL: "http://127.0.0.1:3100"}
		c.change(&cfg)
		_, err := New(cfg)
		if err == nil || !strings.Contains(err.Error(), "loki: "+strings.TrimPrefix(c.says, "loki: ")) && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: does not say %q", err, c.says)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v: holds a secret", err)
		}
	}
	_, err := New(Config{Timeout: -1, MaxLine: -1})
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("not all that is wrong is told: %v", err)
	}
}

// A header that the sink or net/http makes is not the caller's to give.
func TestReservedHeaders(t *testing.T) {
	for name, why := range map[string]string{
		"Content-Type": "set by the sink", "Content-Length": "set by the sink", "Content-Encoding": "set by the sink",
		"Transfer-Encoding": "set by the sink", "Connection": "set by the sink", "Host": "set by the sink", "Trailer": "set by the sink",
		"Accept-Encoding": "changes how", "Expect": "changes how", "Keep-Alive": "changes how", "Proxy-Connection": "changes how",
		"Te": "changes how", "Upgrade": "changes how",
	} {
		_, err := New(Config{URL: "http://x", Headers: http.Header{name: {"1"}, "X-Other": {"2"}}})
		if want := fmt.Sprintf("%q: %s", name, why); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "X-Other") {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestEndpoint(t *testing.T) {
	for url, want := range map[string]string{
		"http://loki:3100":                             "http://loki:3100/loki/api/v1/push",
		"HTTPS://loki/":                                "https://loki/loki/api/v1/push",
		"https://gw/eu/":                               "https://gw/eu/loki/api/v1/push",
		"http://[::1]:3100/loki/api/v1/push/":          "http://[::1]:3100/loki/api/v1/push",
		"https://logs.example.com/a/loki/api/v1/push":  "https://logs.example.com/a/loki/api/v1/push",
		"https://gw/a%2Fb/(c)/":                        "https://gw/a%2Fb/(c)/loki/api/v1/push",
		"https://gw/a%2Fb/loki/api/v1/push":            "https://gw/a%2Fb/loki/api/v1/push",
		"http://loki.example.com:80/with%20space/loki": "http://loki.example.com:80/with%20space/loki/loki/api/v1/push",
	} {
		u, err := Config{URL: url}.endpoint()
		if err != nil || u.String() != want {
			t.Errorf("%s: %v, %v, want %s", url, u, err, want)
			continue
		}
		ready := (&Sink{url: u}).readyURL().String()
		if want := strings.TrimSuffix(want, pushPath) + "/ready"; ready != want {
			t.Errorf("%s: ready at %s, want %s", url, ready, want)
		}
	}
}
