package transport

import (
	"crypto/tls"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"
)

// After Renew, requests are made on connections with the new settings, those
// under way end well on the old ones, and those are closed then.
func TestRenew(t *testing.T) {
	for name, two := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			entered, release := make(chan struct{}), make(chan struct{})
			s, trusting := secureServer(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/slow" {
					close(entered)
					<-release
				}
				io.WriteString(w, r.TLS.ServerName)
			})
			named := func(name string) *tls.Config {
				c := trusting.Clone()
				c.ServerName = name
				c.InsecureSkipVerify = true
				return c
			}
			tr := New(Config{Owner: "test", TLS: named("old.example"), HTTP2: two, MaxIdle: 4})
			ask := func(path string) string {
				resp, err := post(t, tr, t.Context(), s.URL+path, "x")
				if err != nil {
					t.Error(err)
					return ""
				}
				defer resp.Body.Close()
				text, _ := io.ReadAll(resp.Body)
				return string(text)
			}
			if got := ask("/"); got != "old.example" {
				t.Errorf("at first: %q", got)
			}
			var slow sync.WaitGroup
			slow.Go(func() {
				if got := ask("/slow"); got != "old.example" {
					t.Errorf("what was under way: %q", got)
				}
			})
			<-entered
			tr.Renew(named("new.example"), nil)
			for range 3 {
				if got := ask("/"); got != "new.example" {
					t.Errorf("afterwards: %q", got)
				}
			}
			close(release)
			slow.Wait()
			// The old connection is idle about now, and is closed by some request after that.
			for end := time.Now().Add(10 * time.Second); tr.Open() > 1 && time.Now().Before(end); {
				ask("/")
			}
			if n := tr.Open(); n != 1 {
				t.Errorf("%d connections, want 1", n)
			}
			if err := tr.Close(t.Context()); err != nil {
				t.Error(err)
			}
			noneLeft(t)
		})
	}
}

// A retired connection that nobody comes back to is closed by Close.
func TestCloseAfterRenew(t *testing.T) {
	s, trusting := secureServer(t, func(w http.ResponseWriter, r *http.Request) {})
	tr := New(Config{Owner: "test", TLS: trusting, HTTP2: true})
	resp, err := post(t, tr, t.Context(), s.URL, "x")
	if err != nil {
		t.Fatal(err)
	}
	tr.Renew(trusting, nil)
	discard(resp)
	if err := tr.Close(t.Context()); err != nil || tr.Open() != 0 {
		t.Errorf("%v, %d connections are left", err, tr.Open())
	}
}
