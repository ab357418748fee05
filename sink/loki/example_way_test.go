package loki_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink/loki"
)

// Behind a gateway with certificates of its own and tokens that are renewed: whoever renews a file need tell nobody.
func ExampleConfig_gateway() {
	_, err := loki.New(loki.Config{
		URL:             "https://logs.example.com/eu",
		BearerTokenFile: "/run/secrets/loki/token",
		TLSConfig: loki.TLSConfig{
			CAFile:   "/run/secrets/loki/ca.crt",
			CertFile: "/run/secrets/loki/tls.crt",
			KeyFile:  "/run/secrets/loki/tls.key",
		},
		ProxyURL:    "http://proxy.example.com:3128",
		HTTP2:       true,
		DialTimeout: 3 * time.Second,
	})
	fmt.Println(errors.Is(err, os.ErrNotExist))
	// Output: true
}

// A token file is read again before the next request when it has changed.
func ExampleConfig_bearerTokenFile() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	dir, err := os.MkdirTemp("", "logferry-example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	token := filepath.Join(dir, "token")
	write := func(s *loki.Sink) {
		b := batch.New(nil, batch.MustLabels("app", "shop"))
		b.Append(time.Now(), []byte("order 1234 placed"))
		if err := s.Write(context.Background(), b); err != nil {
			fmt.Println(err)
		}
	}

	os.WriteFile(token, []byte("monday\n"), 0o600)
	s, err := loki.New(loki.Config{URL: server.URL, BearerTokenFile: token})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(context.Background())
	write(s)
	os.WriteFile(token, []byte("tuesday\n"), 0o600)
	write(s)
	// Output:
	// Bearer monday
	// Bearer tuesday
}

// Ready is for a service that wants to say at its start what is wrong.
func ExampleSink_Ready() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "Ingester not ready: waiting for 15s after being ready", http.StatusServiceUnavailable)
	}))
	defer server.Close()

	s, err := loki.New(loki.Config{URL: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(context.Background())
	err = s.Ready(context.Background())
	fmt.Println(strings.TrimPrefix(err.Error(), "loki: "+server.URL))
	// Output: /ready: not ready: status 503: Ingester not ready: waiting for 15s after being ready
}
