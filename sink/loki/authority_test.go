package loki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// An authority signs certificates.
type authority struct {
	t     testing.TB
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	chain [][]byte // of certificates between it and the root, its own first; none for the root
}

var serials atomic.Int64

// newAuthority returns a root, or what signer has signed.
func newAuthority(t testing.TB, name string, signer *authority) *authority {
	t.Helper()
	a := &authority{t: t}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der := []byte(nil)
	a.key, a.cert, der = sign(t, template, signer)
	if signer != nil {
		a.chain = append([][]byte{der}, signer.chain...)
	}
	return a
}

// sign completes template and signs it by signer, by itself if nil.
func sign(t testing.TB, template *x509.Certificate, signer *authority) (*ecdsa.PrivateKey, *x509.Certificate, []byte) {
	t.Helper()
	template.SerialNumber = big.NewInt(serials.Add(1))
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, parentKey := template, key
	if signer != nil {
		parent, parentKey = signer.cert, signer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert, der
}

// issue returns a certificate for a host name or an IP address.
func (a *authority) issue(host string, change ...func(*x509.Certificate)) tls.Certificate {
	a.t.Helper()
	template := &x509.Certificate{Subject: pkix.Name{CommonName: host}}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	for _, c := range change {
		c(template)
	}
	key, cert, der := sign(a.t, template, a)
	return tls.Certificate{Certificate: append([][]byte{der}, a.chain...), PrivateKey: key, Leaf: cert}
}

// certificate makes one for 127.0.0.1, and returns both sides' settings.
func certificate(t testing.TB, change ...func(*x509.Certificate)) (server, client *tls.Config) {
	t.Helper()
	root := newAuthority(t, "root", nil)
	cert := root.issue("127.0.0.1", change...)
	return &tls.Config{Certificates: []tls.Certificate{cert}}, &tls.Config{RootCAs: root.pool()}
}

func expired(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }

func (a *authority) pem() []byte { return pemOf("CERTIFICATE", a.cert.Raw) }

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func pemOf(kind string, ders ...[]byte) (text []byte) {
	for _, der := range ders {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
	}
	return text
}

// pairPEM returns certificate and key as files hold them.
func pairPEM(t testing.TB, c tls.Certificate) (cert, key []byte) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("CERTIFICATE", c.Certificate...), pemOf("PRIVATE KEY", der)
}

// put writes a file and returns its path.
func put(t testing.TB, path string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// replace puts another file in the place of path.
func replace(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.Rename(put(t, filepath.Join(filepath.Dir(path), "next"), content), path); err != nil {
		t.Fatal(err)
	}
}

// newSecureFake returns a fake that speaks TLS with cfg, and HTTP/2 if asked.
func newSecureFake(t testing.TB, cfg *tls.Config) *fakeLoki {
	f := &fakeLoki{t: t}
	f.Server = secured(t, cfg, f.serve)
	return f
}

// secured returns a server that speaks TLS with cfg.
func secured(t testing.TB, cfg *tls.Config, h http.HandlerFunc) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.TLS = cfg
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}
