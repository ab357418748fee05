package loki

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestReady(t *testing.T) {
	for name, test := range map[string]struct {
		answer fixedAnswer
		want   string
	}{
		"ready":           {fixedAnswer{200, "ready", nil}, ""},
		"starting":        {fixedAnswer{503, "Ingester not ready: waiting for 15s after being ready", nil}, "/eu/ready: not ready: status 503: Ingester not ready: waiting"},
		"not there":       {fixedAnswer{404, "404 page not found", nil}, "not exposed here"},
		"not let in":      {fixedAnswer{401, "no org id", nil}, "check the credentials and the tenant: status 401: no org id"},
		"elsewhere":       {fixedAnswer{302, "", map[string]string{"Location": "/login"}}, "redirects are not followed"},
		"another success": {fixedAnswer{202, "soon", nil}, "status 202: soon"},
		"a long story":    {fixedAnswer{500, strings.Repeat("hunter2hunter2 and so on ", 10_000), nil}, "status 500: *** and so on"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				if r.Method != http.MethodGet || r.URL.Path != "/eu/ready" || r.Header.Get("Authorization") != "Bearer hunter2hunter2" ||
					r.Header.Get("X-Scope-OrgID") != "blue" || r.Header.Get("Content-Type")+r.Header.Get("Content-Encoding") != "" || r.UserAgent() != "me" {
					t.Errorf("asked %s %s with %v", r.Method, r.URL, r.Header)
				}
				test.answer.give(w)
			}))
			defer server.Close()
			s := newSink(t, server.URL+"/eu/loki/api/v1/push", func(c *Config) {
				c.BearerToken, c.TenantID, c.UserAgent, c.EncodeJSON = "hunter2hunter2", "blue", "me", true
			})
			err := s.Ready(t.Context())
			if test.want == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err != nil && (len(err.Error()) > 1000 || strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("%d bytes, perhaps with a secret: %v", len(err.Error()), err)
			}
			if st := s.Stats(); asked != 1 || st.Requests != 0 || s.Health() != nil {
				t.Errorf("asked %d times, %+v, %v", asked, st, s.Health())
			}
		})
	}
}

func TestReadyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ps := &pipes{serve: func(n int, p *peer) { silence(n, p.Conn) }}
		s := ps.sink(t, "http://loki", nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "waiting for the answer, after 1s") {
			t.Error(err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Ready(t.Context()); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		ps.served.Wait()
	})
}
