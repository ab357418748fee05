package loki

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/logferry/logferry/sink"
)

// Whom a server is taken for.
func TestServerIsChecked(t *testing.T) {
	root := newAuthority(t, "root", nil)
	between := newAuthority(t, "between", root)
	stranger := newAuthority(t, "stranger", nil)
	dir := t.TempDir()
	trusted := put(t, filepath.Join(dir, "root.pem"), root.pem())
	for name, test := range map[string]struct {
		cert tls.Certificate
		cfg  TLSConfig
		why  string // the error; empty: none
	}{
		"address":              {root.issue("127.0.0.1"), TLSConfig{CAFile: trusted}, ""},
		"another address":      {root.issue("127.0.0.2"), TLSConfig{CAFile: trusted}, "not 127.0.0.1"},
		"name for an address":  {root.issue("loki.example"), TLSConfig{CAFile: trusted}, "cannot validate certificate for 127.0.0.1"},
		"server name":          {root.issue("loki.example"), TLSConfig{CAFile: trusted, ServerName: "loki.example"}, ""},
		"another server name":  {root.issue("loki.example"), TLSConfig{CAFile: trusted, ServerName: "evil.example"}, "not evil.example"},
		"intermediate":         {between.issue("127.0.0.1"), TLSConfig{CAFile: trusted}, ""},
		"intermediate missing": {alone(between.issue("127.0.0.1")), TLSConfig{CAFile: trusted}, "unknown authority"},
		"expired":              {root.issue("127.0.0.1", expired), TLSConfig{CAFile: trusted}, "expired"},
		"unknown authority":    {stranger.issue("127.0.0.1"), TLSConfig{CAFile: trusted}, "unknown authority"},
		"system's authorities": {root.issue("127.0.0.1"), TLSConfig{}, "unknown authority"},
		"anybody":              {stranger.issue("elsewhere", expired), TLSConfig{InsecureSkipVerify: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newSecureFake(t, &tls.Config{Certificates: []tls.Certificate{test.cert}})
			s := sink.Breaker(newSink(t, f.URL, func(c *Config) { c.TLSConfig = test.cfg }), sink.BreakerConfig{Failures: 1})
			err := s.Write(t.Context(), newBatch(shop, "x"))
			if test.why == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if classOf(err) != retry || !strings.Contains(err.Error(), test.why) || !strings.Contains(err.Error(), "TLS handshake") {
				t.Errorf("got %v, want %q", err, test.why)
			}
			if state := s.(sink.BreakerStater).BreakerState(); state != sink.Open {
				t.Errorf("the breaker is %v", state)
			}
		})
	}
}

// alone returns c without what lies between it and the root.
func alone(c tls.Certificate) tls.Certificate {
	c.Certificate = c.Certificate[:1]
	return c
}

// A mutual server takes who shows a certificate of its authority's, both of which change.
type mutual struct {
	*fakeLoki
	cert  atomic.Pointer[tls.Certificate]
	takes atomic.Pointer[x509.CertPool]
	mu    sync.Mutex
	names []string // of whom pushes came
	conns atomic.Int64
}

func newMutual(t *testing.T, cert tls.Certificate, takes *authority) *mutual {
	m := &mutual{}
	m.cert.Store(&cert)
	m.takes.Store(takes.pool())
	m.fakeLoki = newSecureFake(t, &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		m.conns.Add(1)
		return &tls.Config{Certificates: []tls.Certificate{*m.cert.Load()}, NextProtos: []string{"h2", "http/1.1"},
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: m.takes.Load()}, nil
	}})
	m.answer = func(_ int, _ push, _ http.ResponseWriter, r *http.Request) bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.names = append(m.names, r.TLS.PeerCertificates[0].Subject.CommonName)
		return false
	}
	return m
}

// last returns whom the last push came from.
func (m *mutual) last() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.names[len(m.names)-1]
}

// Certificates and authorities are those of the files, in either protocol, without a request that fails; files that make
// no sense change nothing.
func TestCertificatesChange(t *testing.T) {
	for name, two := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			root, clients := newAuthority(t, "root", nil), newAuthority(t, "clients", nil)
			m := newMutual(t, root.issue("127.0.0.1"), clients)
			dir := t.TempDir()
			cert, key := pairPEM(t, clients.issue("first"))
			files := TLSConfig{
				CAFile: put(t, filepath.Join(dir, "ca"), root.pem()), CertFile: put(t, filepath.Join(dir, "cert"), cert), KeyFile: put(t, filepath.Join(dir, "key"), key),
			}
			s := newSink(t, m.URL, func(c *Config) { c.TLSConfig, c.HTTP2 = files, two })
			write := func(from string) {
				t.Helper()
				if err := s.Write(t.Context(), newBatch(shop, "x")); err != nil {
					t.Fatal(err)
				}
				if got := m.last(); got != from {
					t.Errorf("a push came from %s, want %s", got, from)
				}
			}
			well := func(want string) {
				t.Helper()
				err := s.Health()
				if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("Health is %v, want %q", err, want)
				}
			}
			write("first")
			write("first")
			well("")

			// The certificate is there, its key is not yet.
			cert, key = pairPEM(t, clients.issue("second"))
			replace(t, files.CertFile, cert)
			write("first")
			well("Config.TLSConfig.CertFile: " + files.CertFile)
			replace(t, files.KeyFile, key)
			write("second")
			well("")

			// Half a file, in place.
			cert, key = pairPEM(t, clients.issue("third"))
			put(t, files.CertFile, cert[:len(cert)/2])
			write("second")
			put(t, files.CertFile, cert)
			put(t, files.KeyFile, key)
			write("third")
			if n := m.conns.Load(); n != 3 {
				t.Errorf("%d connections, want one for each certificate", n)
			}

			// Loki's authority changes: first both are trusted, then the new one.
			next := newAuthority(t, "next root", nil)
			replace(t, files.CAFile, append(root.pem(), next.pem()...))
			write("third")
			renewed := next.issue("127.0.0.1")
			m.cert.Store(&renewed)
			replace(t, files.CAFile, next.pem())
			write("third")
			if err := os.Remove(files.CAFile); err != nil {
				t.Fatal(err)
			}
			write("third")
			well("Config.TLSConfig.CAFile")
			put(t, files.CAFile, root.pem())
			if err := s.Write(t.Context(), newBatch(shop, "x")); err == nil || !strings.Contains(err.Error(), "unknown authority") {
				t.Errorf("with the old authority again: %v", err)
			}

			// The other side takes others now, and says so.
			put(t, files.CAFile, next.pem())
			m.takes.Store(root.pool())
			m.CloseClientConnections()
			// In TLS 1.3 we hear of it while the request is on its way, unless the connection breaks under that first.
			told := false
			for range 20 {
				err := s.Write(t.Context(), newBatch(shop, "x"))
				if classOf(err) != retry {
					t.Fatalf("a certificate that is not taken: %v", err)
				}
				told = told || strings.Contains(err.Error(), "certificate")
			}
			if !told {
				t.Error("nothing is said of a certificate that is not taken")
			}
		})
	}
}

// A server that is no TLS server, or speaks plain HTTP, is told as such.
func TestNotTLS(t *testing.T) {
	f := newFake(t)
	s := newSink(t, strings.Replace(f.URL, "http://", "https://", 1))
	err := s.Write(t.Context(), newBatch(shop, "x"))
	if classOf(err) != retry || !strings.Contains(err.Error(), "TLS handshake") {
		t.Error(err)
	}
}

func TestTLSConfigIsChecked(t *testing.T) {
	dir := t.TempDir()
	root := newAuthority(t, "root", nil)
	cert, key := pairPEM(t, root.issue("me"))
	_, other := pairPEM(t, root.issue("other"))
	file := func(name string, content []byte) string { return put(t, filepath.Join(dir, name), content) }
	certFile, keyFile, otherFile := file("cert", cert), file("key", key), file("other", other)
	for name, test := range map[string]struct {
		cfg  Config
		want string
	}{
		"no https":        {Config{URL: "http://x", TLSConfig: TLSConfig{ServerName: "y"}}, "Config.TLSConfig: given, but URL"},
		"no key":          {Config{URL: "https://x", TLSConfig: TLSConfig{CertFile: certFile}}, "want both CertFile and KeyFile"},
		"no such file":    {Config{URL: "https://x", TLSConfig: TLSConfig{CAFile: dir + "/none"}}, "Config.TLSConfig.CAFile: stat " + dir + "/none"},
		"a directory":     {Config{URL: "https://x", TLSConfig: TLSConfig{CAFile: dir}}, "not a regular file"},
		"no certificate":  {Config{URL: "https://x", TLSConfig: TLSConfig{CAFile: keyFile}}, "Config.TLSConfig.CAFile: " + keyFile + ": no certificate"},
		"another's key":   {Config{URL: "https://x", TLSConfig: TLSConfig{CertFile: certFile, KeyFile: otherFile}}, "private key does not match"},
		"HTTP/2 in clear": {Config{URL: "http://x", HTTP2: true}, "Config.HTTP2: needs"},
	} {
		_, err := New(test.cfg)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	if _, err := New(Config{URL: "https://x", TLSConfig: TLSConfig{CAFile: certFile, CertFile: certFile, KeyFile: keyFile}}); err != nil {
		t.Error(err)
	}
}
