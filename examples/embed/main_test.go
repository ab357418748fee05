package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// get returns the body of a page once the service answers.
func get(t *testing.T, url string) []byte {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v: %s", url, resp.StatusCode, err, body)
	}
	return body
}

// TestServiceShipsItsLog runs the service as main does: what a request logs
// arrives, the health page shows the ledger, and it ends well.
func TestServiceShipsItsLog(t *testing.T) {
	pushed := make(chan []byte, 100)
	loki := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wire, _ := io.ReadAll(r.Body)
		raw, err := s2.Decode(nil, wire)
		if err != nil {
			t.Error(err)
		}
		pushed <- raw
		w.WriteHeader(http.StatusNoContent)
	}))
	defer loki.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	dir := t.TempDir()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, l, loki.URL, dir) }()

	get(t, base+"/hello")
	if body := <-pushed; !bytes.Contains(body, []byte(`"path":"/hello"`)) {
		t.Errorf("pushed %q", body)
	}
	var health struct {
		Problems []string
		Sources  map[string]struct{ Read, Delivered, InFlight int64 }
	}
	if err := json.Unmarshal(get(t, base+"/healthz"), &health); err != nil {
		t.Fatal(err)
	}
	if a := health.Sources["access"]; len(health.Problems) > 0 || a.Read != 1 {
		t.Errorf("health is %+v", health)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "access.cursors")); err != nil {
		t.Error(err)
	}
}
