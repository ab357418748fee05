package loki

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/sink"
)

// The secrets of a Sink that has every one there is. They have in them what is escaped in one place or another.
const (
	secretPassword = "PASS \"wörd\"/+?&\\<>"
	secretFile     = "FILE-pass/+?word"
	secretFormer   = "FORMER-file-pass"
	secretToken    = "TOKEN-eyJhbGciOi/+="
	secretHeader   = "HEADER-value-xyz"
	secretLogin    = "LOGIN-in-a-header"
	secretProxy    = "PROXY p@ss/+%?"
)

// tellTale is what must not occur anywhere.
func tellTale() (forms []string) {
	for _, s := range []string{secretPassword, secretFile, secretFormer, secretToken, secretHeader, secretLogin, secretProxy} {
		quoted := fmt.Sprintf("%q", s)
		forms = append(forms, s, quoted[1:len(quoted)-1], url.QueryEscape(s), url.PathEscape(s), base64.StdEncoding.EncodeToString([]byte(s)),
			base64.URLEncoding.EncodeToString([]byte(s)), basic("user", s), html.EscapeString(s))
		for _, word := range strings.Fields(s) {
			if len(word) > 6 {
				forms = append(forms, word)
			}
		}
	}
	return forms
}

// silentText fails the test if text tells a secret.
func silentText(t *testing.T, what, text string) {
	t.Helper()
	for _, form := range tellTale() {
		if strings.Contains(text, form) {
			t.Errorf("%s tells %q: %s", what, form, text)
		}
	}
}

// silentError looks at err, all that it wraps, and what may be printed of it.
func silentError(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	silentText(t, what, fmt.Sprintf("%v %+v %q", err, err, err.Error()))
	if p, ok := err.(*sink.PartialError); ok {
		for _, f := range p.Failures {
			silentError(t, what, f.Err)
		}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		silentError(t, what, e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			silentError(t, what, inner)
		}
	}
}

// indiscretion is a text with all that a request told, in every form, and more that the sink has told nobody here.
func indiscretion(r *http.Request) string {
	var b strings.Builder
	for name, values := range r.Header {
		for _, v := range values {
			text, _ := json.Marshal(v)
			fmt.Fprintf(&b, "%s=%s %q %s %s %s %s; ", name, v, v, url.QueryEscape(v), base64.StdEncoding.EncodeToString([]byte(v)), html.EscapeString(v), text)
			if _, credential, ok := strings.Cut(v, " "); ok {
				clear, _ := base64.StdEncoding.DecodeString(credential)
				text, _ := json.Marshal(string(clear))
				fmt.Fprintf(&b, "%s %s %q %s %s ", credential, clear, clear, html.EscapeString(string(clear)), text)
			}
		}
	}
	return b.String()
}

// secretive are the ways in which a Sink can have secrets.
func secretive(t *testing.T) map[string]func(*Config) {
	dir := t.TempDir()
	file := func(name, content string) string { return put(t, filepath.Join(dir, name), []byte(content)) }
	headers := http.Header{"X-Key": {secretHeader}, "X-Login": {"Bearer " + secretLogin}}
	return map[string]func(*Config){
		"password": func(c *Config) {
			c.BasicAuth, c.Headers = BasicAuth{Username: "user", Password: secretPassword}, headers
		},
		"password file": func(c *Config) {
			c.BasicAuth = BasicAuth{Username: "user", PasswordFile: file("password", secretFile)}
		},
		"token":      func(c *Config) { c.BearerToken, c.Headers = secretToken, headers },
		"token file": func(c *Config) { c.BearerTokenFile = file("token", secretToken) },
	}
}

// No answer, however malicious, gets a secret into what the sink says.
func TestAnswersDoNotTellSecrets(t *testing.T) {
	bodies := map[string]func(r *http.Request) string{
		"echo":        indiscretion,
		"long echo":   func(r *http.Request) string { return strings.Repeat("x", maxQuoted-20) + indiscretion(r) },
		"as Loki":     func(r *http.Request) string { return "entry for stream '{}' has timestamp too new: " + indiscretion(r) },
		"rate":        func(r *http.Request) string { return textTenantRate + indiscretion(r) },
		"by gateway":  func(r *http.Request) string { return "<html>" + indiscretion(r) },
		"labels lost": func(r *http.Request) string { return "couldn't parse labels: " + indiscretion(r) },
	}
	for name, change := range secretive(t) {
		for _, status := range []int{200, 260, 302, 400, 401, 403, 404, 407, 413, 422, 429, 500, 503} {
			for kind, body := range bodies {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Location", "/?"+url.QueryEscape(indiscretion(r)))
					w.WriteHeader(status)
					io.WriteString(w, body(r))
				}))
				s := newSink(t, server.URL, change)
				what := fmt.Sprintf("%s, %d, %s", name, status, kind)
				silentSink(t, what, s)
				server.Close()
			}
		}
	}
}

// Nor does what is no answer.
func TestFailuresDoNotTellSecrets(t *testing.T) {
	echo := func(format string) func(int, net.Conn) {
		return func(_ int, c net.Conn) {
			told := make([]byte, 64<<10)
			n, _ := c.Read(told)
			head, _, _ := strings.Cut(string(told[:n]), "\r\n\r\n")
			var r http.Request
			r.Header = http.Header{}
			for _, line := range strings.Split(head, "\r\n")[1:] {
				k, v, _ := strings.Cut(line, ": ")
				r.Header.Add(k, v)
			}
			fmt.Fprintf(c, format, indiscretion(&r))
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
		}
	}
	for name, change := range secretive(t) {
		for kind, serve := range map[string]func(int, net.Conn){
			"no HTTP":         echo("%s\r\n\r\n"),
			"status":          echo("HTTP/1.1 %s\r\n\r\n"),
			"status code":     echo("HTTP/1.1 2x4%s OK\r\n\r\n"),
			"version":         echo("HTTP/%s 200 OK\r\n\r\n"),
			"header":          echo("HTTP/1.1 200 OK\r\n%s\r\n\r\n"),
			"length":          echo("HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n"),
			"coding":          echo("HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n"),
			"chunk":           echo("HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n"),
			"body cut short":  echo("HTTP/1.1 400 Bad\r\nContent-Length: 99999\r\n\r\n%s"),
			"nothing":         func(_ int, c net.Conn) {},
			"silence":         silence,
			"Retry-After":     echo("HTTP/1.1 429 No\r\nContent-Length: 0\r\nRetry-After: %s\r\n\r\n"),
			"no such proxy":   nil,
			"proxy's refusal": nil,
		} {
			s := newSink(t, "http://127.0.0.1:1", func(c *Config) {
				change(c)
				if serve != nil {
					c.URL = rawServer(t, serve)
				}
				c.Timeout = 10 * time.Second
				if kind == "silence" {
					c.Timeout = 100 * time.Millisecond
				}
				switch kind {
				case "no such proxy":
					c.URL, c.ProxyURL = "https://loki.example", (&url.URL{Scheme: "http", User: url.UserPassword("user", secretProxy), Host: "127.0.0.1:1"}).String()
				case "proxy's refusal":
					at := strings.TrimPrefix(rawServer(t, echo("HTTP/1.1 407 %s\r\n\r\n")), "http://")
					c.URL, c.ProxyURL = "https://loki.example", (&url.URL{Scheme: "http", User: url.UserPassword("user", secretProxy), Host: at}).String()
				}
			})
			what := name + ", " + kind
			silentSink(t, what, s)
			silentError(t, what+", Close", s.Close(t.Context()))
		}
	}
}

// silentSink has s fail to write, and looks at all that it says.
func silentSink(t *testing.T, what string, s *Sink) {
	t.Helper()
	err := s.Write(t.Context(), newBatch(shop, "x", "y"))
	if err == nil {
		t.Errorf("%s: no error", what)
	}
	silentError(t, what, err)
	silentError(t, what+", Ready", s.Ready(t.Context()))
	silentError(t, what+", Health", s.Health())
	silentText(t, what+", Stats", fmt.Sprintf("%+v", s.Stats()))
}

// Of secrets that begin alike nothing is left of the longer one.
func TestLongestSecretFirst(t *testing.T) {
	text := newRedactor([]string{"abcd", "abcdefgh", "abcdef"}).all.Replace("abcdefgh, abcdef, abcd, abc")
	if text != "***, ***, ***, abc" {
		t.Error(text)
	}
}

// A request that was sent with the secret of before is answered when there is another one.
func TestFormerSecretIsNotTold(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	f := newFake(t)
	f.answer = func(n int, p push, w http.ResponseWriter, r *http.Request) bool {
		if n == 0 {
			close(entered)
			<-release
			w.WriteHeader(http.StatusInternalServerError)
			io.WriteString(w, indiscretion(r))
			return true
		}
		return false
	}
	path := put(t, filepath.Join(t.TempDir(), "password"), []byte(secretFormer))
	s := newSink(t, f.URL, func(c *Config) { c.BasicAuth = BasicAuth{Username: "user", PasswordFile: path} })
	failed := make(chan error)
	go func() { failed <- s.Write(t.Context(), newBatch(shop, "x")) }()
	<-entered
	replace(t, path, []byte(secretFile))
	if err := s.Write(t.Context(), newBatch(shop, "x")); err != nil {
		t.Error(err)
	}
	close(release)
	err := <-failed
	if err == nil || !strings.Contains(err.Error(), "***") {
		t.Errorf("nothing was left out: %v", err)
	}
	silentError(t, "the first request", err)
}

// What New refuses it does not repeat.
func TestRefusedConfigsDoNotTellSecrets(t *testing.T) {
	dir := t.TempDir()
	file := put(t, filepath.Join(dir, "secret"), []byte(secretFile+"\x00"))
	for name, change := range map[string]func(*Config){
		"URL":         func(c *Config) { c.URL = "http://user:" + url.PathEscape(secretPassword) + "@x/%zz" },
		"user":        func(c *Config) { c.URL = "http://user:" + url.PathEscape(secretPassword) + "@x" },
		"proxy":       func(c *Config) { c.ProxyURL = "ftp://user:" + url.PathEscape(secretProxy) + "@x" },
		"proxy's URL": func(c *Config) { c.ProxyURL = "http://user:" + secretProxy + "@x" },
		"token":       func(c *Config) { c.BearerToken = secretToken + "\x00" },
		"header":      func(c *Config) { c.Headers = http.Header{"X-Key": {secretHeader + "\x00"}} },
		"both": func(c *Config) {
			c.BearerToken, c.BasicAuth = secretToken, BasicAuth{Username: "user", Password: secretPassword}
		},
		"token file":    func(c *Config) { c.BearerTokenFile = file },
		"password file": func(c *Config) { c.BasicAuth = BasicAuth{Username: "user", PasswordFile: file} },
		"CA file":       func(c *Config) { c.URL, c.TLSConfig.CAFile = "https://x", file },
		"key file":      func(c *Config) { c.URL, c.TLSConfig.CertFile, c.TLSConfig.KeyFile = "https://x", file, file },
	} {
		cfg := Config{URL: "http://x"}
		change(&cfg)
		_, err := New(cfg)
		if err == nil {
			t.Errorf("%s: not refused", name)
		}
		silentError(t, name, err)
	}
	// That the test would notice: a secret is there to be told.
	if err := errors.New(indiscretion(&http.Request{Header: http.Header{"A": {"Basic " + basic("user", secretPassword)}}})); !strings.Contains(err.Error(), secretPassword) {
		t.Error("the indiscretion is discreet")
	}
}

// Nor does a secret of which only the beginning lies within what is read of an answer.
func TestSecretsCutOff(t *testing.T) {
	for _, status := range []int{200, 400, 401, 429, 500} {
		for _, seen := range []int{3, 20, len("Bearer " + secretToken)} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(status)
				most := maxAnswer
				if r.Method == http.MethodGet {
					most = maxReady
				}
				// Spaces take no room in an error.
				io.WriteString(w, strings.Repeat(" ", most-seen)+r.Header.Get("Authorization")+" and more")
			}))
			s := newSink(t, server.URL, func(c *Config) { c.BearerToken = secretToken })
			err := s.Write(t.Context(), newBatch(shop, "x"))
			for _, text := range []string{fmt.Sprint(err), fmt.Sprint(s.Health()), fmt.Sprint(s.Ready(t.Context()))} {
				if strings.Contains(text, secretToken[:8]) {
					t.Errorf("%d, %d bytes: %s", status, seen, text)
				}
			}
			server.Close()
		}
	}
}
