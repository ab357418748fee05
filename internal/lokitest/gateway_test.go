package lokitest

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink/loki"
)

// Behind a gateway that wants TLS, HTTP/2 and a token, the real Loki gets every line once, while the gateway's
// connections break, and Ready says how it is.
func TestThroughAGateway(t *testing.T) {
	s := Start(t)
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	pass := httputil.NewSingleHostReverseProxy(at)
	pass.ErrorLog = log.New(io.Discard, "", 0)
	keep := &http.Transport{}
	pass.Transport = keep
	t.Cleanup(keep.CloseIdleConnections)
	var refused atomic.Int64
	gateway := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Header.Get("Authorization") != "Bearer open sesame" {
			refused.Add(1)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		pass.ServeHTTP(w, r)
	}))
	gateway.EnableHTTP2 = true
	gateway.Config.ErrorLog = pass.ErrorLog
	gateway.StartTLS()
	t.Cleanup(gateway.Close)
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := file("ca", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: gateway.Certificate().Raw}))
	token := file("token", []byte("open barley"))
	out := newSink(t, loki.Config{URL: gateway.URL, HTTP2: true, TLSConfig: loki.TLSConfig{CAFile: ca}, BearerTokenFile: token})

	if err := out.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "status 401") || refused.Load() != 1 {
		t.Errorf("with a token that is not taken: %v", err)
	}
	file("token", []byte("open sesame\n"))
	if err := out.Ready(t.Context()); err != nil {
		t.Errorf("with the right one: %v", err)
	}
	const lines = 200
	start := time.Now().Add(-time.Minute)
	for i := range lines {
		b := batch.New(nil, batch.MustLabels("app", "gateway"))
		b.Append(start.Add(time.Duration(i)*time.Millisecond), fmt.Appendf(nil, "line %d", i))
		for try := 0; ; try++ {
			if err := out.Write(t.Context(), b); err == nil {
				break
			} else if try == 5 {
				t.Fatal(err)
			}
		}
		if i%50 == 25 {
			gateway.CloseClientConnections()
		}
	}
	got := query(t, s)
	if len(got) != 1 || len(got[0].Entries) != lines {
		t.Fatalf("%d streams, want one of %d entries", len(got), lines)
	}
	s.Stop()
	if err := out.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "not ready: status 502") {
		t.Errorf("with Loki stopped: %v", err)
	}
}
