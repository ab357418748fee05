package container

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificates writes ca.pem, cert.pem and key.pem, and returns their folder and
// the authority.
func certificates(t *testing.T) (string, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{
		"ca.pem": {Type: "CERTIFICATE", Bytes: raw}, "cert.pem": {Type: "CERTIFICATE", Bytes: raw}, "key.pem": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	authority, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return dir, authority
}

func TestFromEnv(t *testing.T) {
	folder, authority := certificates(t)
	other := &tls.Config{ServerName: "other"}
	tests := []struct {
		name               string
		host, path, verify string
		cfg                Config
		want               string
		tls                string // none, kept, verified or open
		wrong              string
	}{
		{name: "nothing set", cfg: Config{Host: "tcp://h:1", TLS: other}, want: "tcp://h:1", tls: "kept"},
		{name: "a socket", host: "unix:///x", want: "unix:///x", tls: "none"},
		{name: "a socket, with certificates about", host: "unix:///x", path: folder, verify: "1", want: "unix:///x", tls: "none"},
		{name: "the default socket, with certificates about", path: folder, verify: "1", tls: "none"},
		{name: "in place of another", host: "tcp://h:2", cfg: Config{Host: "unix:///x"}, want: "tcp://h:2", tls: "none"},
		{name: "verified", host: "tcp://h:1", path: folder, verify: "1", want: "tcp://h:1", tls: "verified"},
		{name: "https", host: "https://h:1", path: folder, verify: "yes", want: "https://h:1", tls: "verified"},
		{name: "not verified", host: "tcp://h:1", path: folder, want: "tcp://h:1", tls: "open"},
		{name: "http", host: "http://h:1", path: folder, verify: "1", want: "http://h:1", tls: "none"},
		{name: "certificates for the Host given", path: folder, verify: "1", cfg: Config{Host: "tcp://h:1"}, want: "tcp://h:1", tls: "verified"},
		{name: "verify without certificates", host: "tcp://h:1", verify: "1", wrong: "DOCKER_CERT_PATH is not"},
		{name: "verify with a TLS given", host: "tcp://h:1", verify: "1", cfg: Config{TLS: other}, want: "tcp://h:1", tls: "kept"},
		{name: "no such folder", host: "tcp://h:1", path: filepath.Join(folder, "none"), wrong: "DOCKER_CERT_PATH: "},
		{name: "ssh", host: "ssh://me@h", wrong: "DOCKER_HOST: ssh:// is not supported: set Dial"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("DOCKER_HOST", test.host)
			t.Setenv("DOCKER_CERT_PATH", test.path)
			t.Setenv("DOCKER_TLS_VERIFY", test.verify)
			t.Setenv("DOCKER_API_VERSION", "1.24")
			got, err := FromEnv(test.cfg)
			if test.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), test.wrong) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || got.Host != test.want {
				t.Errorf("got %q, %v", got.Host, err)
			}
			if kind := kindOf(got.TLS, other, authority); kind != test.tls {
				t.Errorf("TLS: %s, want %s", kind, test.tls)
			}
		})
	}
}

func kindOf(config, given *tls.Config, authority *x509.Certificate) string {
	switch {
	case config == nil:
		return "none"
	case config == given:
		return "kept"
	case config.InsecureSkipVerify:
		return "open"
	}
	if _, err := authority.Verify(x509.VerifyOptions{Roots: config.RootCAs}); err != nil || len(config.Certificates) != 1 {
		return "broken"
	}
	return "verified"
}

// Who does not verify needs no authorities.
func TestFromEnvWithoutAuthorities(t *testing.T) {
	folder, _ := certificates(t)
	if err := os.Remove(filepath.Join(folder, "ca.pem")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_HOST", "tcp://h:1")
	t.Setenv("DOCKER_CERT_PATH", folder)
	t.Setenv("DOCKER_TLS_VERIFY", "")
	if cfg, err := FromEnv(Config{}); err != nil || !cfg.TLS.InsecureSkipVerify {
		t.Errorf("got %v", err)
	}
}

// A file that is missing or no certificate is named.
func TestFromEnvNamesFiles(t *testing.T) {
	for _, file := range []string{"ca.pem", "cert.pem", "key.pem"} {
		folder, _ := certificates(t)
		t.Setenv("DOCKER_HOST", "tcp://h:1")
		t.Setenv("DOCKER_CERT_PATH", folder)
		t.Setenv("DOCKER_TLS_VERIFY", "1")
		if err := os.WriteFile(filepath.Join(folder, file), []byte("nonsense"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := FromEnv(Config{}); err == nil || !strings.Contains(err.Error(), "DOCKER_CERT_PATH") {
			t.Errorf("%s is nonsense: %v", file, err)
		}
		if err := os.Remove(filepath.Join(folder, file)); err != nil {
			t.Fatal(err)
		}
		if _, err := FromEnv(Config{}); err == nil || !strings.Contains(err.Error(), filepath.Join(folder, file)) {
			t.Errorf("%s is not there: %v", file, err)
		}
	}
}
