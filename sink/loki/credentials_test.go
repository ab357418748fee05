package loki

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// lastAuthorization returns what the last push was authorized by.
func lastAuthorization(f *fakeLoki) string {
	all := f.all()
	return all[len(all)-1].header.Get("Authorization")
}

// What a request is authorized with is what the file holds when it is sent, however it was changed.
func TestSecretFileChanges(t *testing.T) {
	f := newFake(t)
	dir := t.TempDir()
	path := put(t, filepath.Join(dir, "token"), []byte("\n first-token \r\n"))
	s := newSink(t, f.URL, func(c *Config) { c.BearerTokenFile = path })
	want := func(token string) {
		t.Helper()
		if err := s.Write(t.Context(), newBatch(shop, "x")); err != nil {
			t.Fatal(err)
		}
		if got := lastAuthorization(f); got != "Bearer "+token {
			t.Errorf("authorized by %q, want %s", got, token)
		}
	}
	ill := func(why string) {
		t.Helper()
		want("third-token")
		if err := s.Health(); err == nil || !strings.Contains(err.Error(), "Config.BearerTokenFile: ") || !strings.Contains(err.Error(), why) {
			t.Errorf("Health is %v, want %q", err, why)
		}
	}
	want("first-token")
	put(t, path, []byte("other-token")) // as long, in place, and perhaps in the same tick of the file system's clock
	want("other-token")
	replace(t, path, []byte("third-token"))
	want("third-token")
	if err := s.Health(); err != nil {
		t.Error(err)
	}
	put(t, path, nil)
	ill("empty")
	ill("empty")
	put(t, path, []byte("to\x00ken"))
	ill("control character")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	ill("no such file")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	ill("not a regular file")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	put(t, path, []byte("third-token"))
	want("third-token")
	if err := s.Health(); err != nil {
		t.Errorf("the file is there again: %v", err)
	}
}

// Kubernetes updates a secret by turning a link, and leaves times and sizes as they are.
func TestSecretBehindLinks(t *testing.T) {
	f := newFake(t)
	dir := t.TempDir()
	old := time.Now().Add(-time.Hour)
	version := func(name, password string) {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		path := put(t, filepath.Join(dir, name, "password"), []byte(password))
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(name, filepath.Join(dir, "..next")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..next"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	version("..1", "p1")
	if err := os.Symlink(filepath.Join("..data", "password"), filepath.Join(dir, "password")); err != nil {
		t.Fatal(err)
	}
	s := newSink(t, f.URL, func(c *Config) {
		c.BasicAuth = BasicAuth{Username: "u", PasswordFile: filepath.Join(dir, "password")}
	})
	for i, password := range []string{"p1", "p2", "p3"} {
		if i > 0 {
			version(fmt.Sprintf("..%d", i+1), password)
		}
		if err := s.Write(t.Context(), newBatch(shop, "x")); err != nil {
			t.Fatal(err)
		}
		if got, want := lastAuthorization(f), "Basic "+basic("u", password); got != want {
			t.Errorf("authorized by %s, want %s", got, want)
		}
	}
}

// A change that does not show is seen once the credentials are refused, and what is wrong with the file is part of the
// error.
func TestRefusedSecretIsReadAgain(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		f := newFake(t)
		f.answer = func(_ int, p push, w http.ResponseWriter, _ *http.Request) bool {
			if p.header.Get("Authorization") == "Bearer token-two" {
				return false
			}
			w.WriteHeader(status)
			return true
		}
		path := put(t, filepath.Join(t.TempDir(), "token"), []byte("token-one"))
		old := time.Now().Add(-time.Hour)
		hide := func() {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
		hide()
		s := newSink(t, f.URL, func(c *Config) { c.BearerTokenFile = path })
		put(t, path, []byte("token-two"))
		hide()
		if err := s.Write(t.Context(), newBatch(shop, "x")); classOf(err) != retry {
			t.Fatalf("the change was seen, or not refused: %v", err)
		}
		if err := s.Write(t.Context(), newBatch(shop, "x")); err != nil {
			t.Errorf("after the refusal: %v", err)
		}
		put(t, path, []byte("token-six"))
		if err := s.Write(t.Context(), newBatch(shop, "x")); err == nil {
			t.Error("not refused")
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		err := s.Write(t.Context(), newBatch(shop, "x"))
		if classOf(err) != retry || !strings.Contains(err.Error(), "BearerTokenFile") || !strings.Contains(err.Error(), "no such file") {
			t.Errorf("without the file: %v", err)
		}
	}
}

// Requests at the same time have the whole header of one secret or another.
func TestSecretChangesDuringRequests(t *testing.T) {
	f := newFake(t)
	path := put(t, filepath.Join(t.TempDir(), "token"), []byte("token-0"))
	s := newSink(t, f.URL, func(c *Config) {
		c.BearerTokenFile = path
		c.TenantID = "blue"
	})
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 30 {
				if err := s.Write(t.Context(), newBatch(shop, "x")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 100 {
		replace(t, path, fmt.Appendf(nil, "token-%d", i))
	}
	writers.Wait()
	if err := s.Write(t.Context(), newBatch(shop, "x")); err != nil {
		t.Fatal(err)
	}
	if got := lastAuthorization(f); got != "Bearer token-99" {
		t.Errorf("at the end: %s", got)
	}
	for _, p := range f.all() {
		auth := p.header.Get("Authorization")
		if !strings.HasPrefix(auth, "Bearer token-") || p.header.Get("X-Scope-OrgID") != "blue" || p.header.Get("Content-Type") == "" {
			t.Fatalf("header %v", p.header)
		}
	}
}

func TestSecretsAreChecked(t *testing.T) {
	dir := t.TempDir()
	token := put(t, filepath.Join(dir, "token"), []byte("hunter2hunter2"))
	empty := put(t, filepath.Join(dir, "empty"), []byte(" \n"))
	lines := put(t, filepath.Join(dir, "lines"), []byte("hunter2\nhunter2"))
	for name, test := range map[string]struct {
		cfg  Config
		want string
	}{
		"both tokens":    {Config{BearerToken: "t", BearerTokenFile: token}, "Config.BearerTokenFile: given beside BearerToken"},
		"token and user": {Config{BasicAuth: BasicAuth{Username: "u"}, BearerTokenFile: token}, "Config.BearerTokenFile: given beside BasicAuth"},
		"token and header": {Config{Headers: http.Header{"authorization": {"x"}}, BearerTokenFile: token},
			"Config.BearerTokenFile: given beside an Authorization"},
		"both passwords": {Config{BasicAuth: BasicAuth{Username: "u", Password: "p", PasswordFile: token}}, "Config.BasicAuth.PasswordFile: given beside"},
		"no user":        {Config{BasicAuth: BasicAuth{PasswordFile: token}}, "Config.BasicAuth.PasswordFile: given without"},
		"no file":        {Config{BearerTokenFile: dir + "/none"}, "Config.BearerTokenFile: stat " + dir + "/none"},
		"empty":          {Config{BearerTokenFile: empty}, "Config.BearerTokenFile: " + empty + ": empty"},
		"two lines":      {Config{BasicAuth: BasicAuth{Username: "u", PasswordFile: lines}}, "Config.BasicAuth.PasswordFile: " + lines + ": contains"},
	} {
		test.cfg.URL = "http://x"
		if _, err := New(test.cfg); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}
