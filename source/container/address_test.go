package container

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/logferry/logferry/lifecycle"
)

func TestHosts(t *testing.T) {
	dial := func(context.Context) (net.Conn, error) { return nil, errors.New("unused") }
	secure := &tls.Config{ServerName: "engine"}
	usual := "unix:///var/run/docker.sock"
	if runtime.GOOS == "windows" {
		usual = "npipe:////./pipe/docker_engine"
	}
	tests := []struct {
		name   string
		cfg    Config
		host   string
		scheme string
		wrong  string // part of the error
	}{
		{name: "none", host: usual, scheme: "http"},
		{name: "unix", cfg: Config{Host: "unix:///run/podman.sock"}, host: "unix:///run/podman.sock", scheme: "http"},
		{name: "abstract", cfg: Config{Host: "unix://@engine"}, host: "unix://@engine", scheme: "http"},
		{name: "unix without a path", cfg: Config{Host: "unix://"}, wrong: `Host: "" is not an absolute path`},
		{name: "unix with a relative path", cfg: Config{Host: "unix://docker.sock"}, wrong: `Host: "docker.sock" is not an absolute path`},
		{name: "unix with a long path", cfg: Config{Host: "unix:///" + strings.Repeat("x", pathSize)}, wrong: "too long"},
		{name: "unix with TLS", cfg: Config{Host: "unix:///x", TLS: secure}, wrong: "container: TLS: it needs a tcp://"},
		{name: "default with TLS", cfg: Config{TLS: secure}, wrong: "container: TLS: it needs a tcp://"},

		{name: "tcp", cfg: Config{Host: "tcp://10.0.0.1:2375"}, host: "tcp://10.0.0.1:2375", scheme: "http"},
		{name: "tcp with TLS", cfg: Config{Host: "tcp://10.0.0.1:2376", TLS: secure}, host: "tcp://10.0.0.1:2376", scheme: "https"},
		{name: "tcp with a path", cfg: Config{Host: "tcp://h:1/docker/a"}, host: "tcp://h:1/docker/a", scheme: "http"},
		{name: "IPv6", cfg: Config{Host: "tcp://[::1]:2375"}, host: "tcp://[::1]:2375", scheme: "http"},
		{name: "http", cfg: Config{Host: "http://h:80"}, host: "tcp://h:80", scheme: "http"},
		{name: "http with TLS", cfg: Config{Host: "http://h:80", TLS: secure}, wrong: "container: TLS: it needs a tcp://"},
		{name: "https", cfg: Config{Host: "https://h:443"}, host: "tcp://h:443", scheme: "https"},
		{name: "https with TLS", cfg: Config{Host: "https://h:443", TLS: secure}, host: "tcp://h:443", scheme: "https"},
		{name: "no port", cfg: Config{Host: "tcp://h"}, wrong: "needs a host and a port"},
		{name: "no host", cfg: Config{Host: "tcp://:2375"}, wrong: "needs a host and a port"},
		{name: "a bad port", cfg: Config{Host: "tcp://h:port"}, wrong: "cannot be parsed"},
		{name: "a password", cfg: Config{Host: "tcp://me:hunter2@h:2375"}, wrong: "password"},
		{name: "a password and a bad port", cfg: Config{Host: "tcp://me:hunter2@h:port"}, wrong: "cannot be parsed"},
		{name: "a query", cfg: Config{Host: "tcp://h:2375?x=y"}, wrong: "query"},
		{name: "a fragment", cfg: Config{Host: "tcp://h:2375#x"}, wrong: "query or fragment"},

		{name: "ssh", cfg: Config{Host: "ssh://me@h"}, wrong: "ssh:// is not supported: set Dial"},
		{name: "fd", cfg: Config{Host: "fd://3"}, wrong: "unix://, tcp://, http://, https:// or npipe://"},
		{name: "no scheme", cfg: Config{Host: "/var/run/docker.sock"}, wrong: "unix://, tcp://, http://, https:// or npipe://"},

		{name: "Dial", cfg: Config{Dial: dial}, host: dialed, scheme: "http"},
		{name: "Dial and a Host", cfg: Config{Dial: dial, Host: "https://h:1"}, host: "tcp://h:1", scheme: "https"},
		{name: "Dial and TLS", cfg: Config{Dial: dial, TLS: secure}, wrong: "container: TLS: it needs a tcp://"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.cfg.setDefaults()
			a, err := parseAddress(&test.cfg)
			if test.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), test.wrong) || !strings.HasPrefix(err.Error(), "container: ") {
					t.Fatalf("got %v", err)
				}
				if strings.Contains(err.Error(), "hunter2") {
					t.Errorf("%v shows the password", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if a.host != test.host || a.scheme != test.scheme || (a.dial != nil) != (test.cfg.Dial != nil) {
				t.Errorf("got %+v", a)
			}
			if test.cfg.TLS != nil && (a.tls == test.cfg.TLS || a.tls.ServerName != "engine") {
				t.Errorf("TLS is %v, want a copy", a.tls)
			}
			if _, err := newDocker(a); err != nil {
				t.Error(err)
			}
		})
	}
}

// A pipe is possible on Windows, and refused before anything is connected elsewhere.
func TestPipe(t *testing.T) {
	a, err := parseAddress(&Config{Host: "npipe:////./pipe/docker_engine"})
	if runtime.GOOS != "windows" {
		if err == nil || !strings.Contains(err.Error(), "Windows") {
			t.Errorf("got %+v, %v", a, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newDocker(a); err != nil {
		t.Error(err)
	}
	if _, err := parseAddress(&Config{Host: "npipe://docker_engine"}); err == nil {
		t.Error("the name of a pipe is taken for its path")
	}
}

// What a Dial does wrong is an error, and the process lives.
func TestBadDial(t *testing.T) {
	oops := errors.New("oops")
	tests := map[string]struct {
		dial func(context.Context) (net.Conn, error)
		want string
	}{
		"error":   {func(context.Context) (net.Conn, error) { return nil, oops }, "oops"},
		"panic":   {func(context.Context) (net.Conn, error) { panic(oops) }, "panic: oops"},
		"nothing": {func(context.Context) (net.Conn, error) { return nil, nil }, "neither"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := newEngine(t, Config{Dial: test.dial})
			if _, err := d.ping(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	_, err := guarded(t.Context(), tests["panic"].dial)
	var panicked *lifecycle.PanicError
	if !errors.As(err, &panicked) || !errors.Is(err, oops) || len(panicked.Stack) == 0 {
		t.Errorf("got %#v", err)
	}
}
