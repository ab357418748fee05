package container

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"strings"
	"syscall"
)

// An address says where an engine listens, and how to get there.
type address struct {
	host   string // as the client library takes it: unix://, npipe:// or tcp://
	scheme string // of the requests: http or https
	tls    *tls.Config
	dial   func(context.Context) (net.Conn, error) // nil: whatever host says
}

// pathSize is how long the path of a unix socket can be on this system.
const pathSize = len(syscall.RawSockaddrUnix{}.Path)

// dialed is the host of an engine of which only Config.Dial knows where it is.
// It is shown in errors and log lines.
const dialed = "unix://Config.Dial"

// usualHost is where an engine listens on this system unless it is told
// otherwise.
func usualHost() string {
	if runtime.GOOS == "windows" {
		return "npipe:////./pipe/docker_engine"
	}
	return "unix:///var/run/docker.sock"
}

// parseAddress makes an address of Host, TLS and Dial, one of which says where
// the engine is. Its errors name the field, and show nothing of a Host that may
// hold a password.
func parseAddress(cfg *Config) (*address, error) {
	host := cmp.Or(cfg.Host, dialed)
	a := &address{host: host, scheme: "http", dial: cfg.Dial}
	kind, rest, _ := strings.Cut(host, "://")
	switch kind {
	case "unix", "npipe":
		if host != dialed {
			if err := checkPath(kind, rest); err != nil {
				return nil, err
			}
		}
		if cfg.TLS != nil {
			return nil, errors.New("container: TLS: it needs a tcp:// or https:// Host")
		}
		return a, nil
	case "tcp", "http", "https":
		return a, a.network(kind, cfg.TLS)
	case "ssh":
		return nil, fmt.Errorf("container: Host: %w", errSSH)
	default:
		return nil, errors.New("container: Host: unix://, tcp://, http://, https:// or npipe:// and an address are expected")
	}
}

// errSSH refuses hosts that the client library cannot dial.
var errSSH = errors.New("ssh:// is not supported: set Dial to a function that connects to the engine's socket through SSH")

// checkPath refuses what can be no unix socket or pipe on this system.
func checkPath(kind, path string) error {
	switch {
	case kind == "npipe" && runtime.GOOS != "windows":
		return errors.New("container: Host: npipe:// exists on Windows only")
	case kind == "npipe" && !strings.HasPrefix(path, "//"):
		return fmt.Errorf("container: Host: %q is not the path of a pipe, such as //./pipe/docker_engine", path)
	case kind == "unix" && !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "@"):
		return fmt.Errorf("container: Host: %q is not an absolute path, such as /var/run/docker.sock", path)
	case kind == "unix" && len(path) >= pathSize:
		return fmt.Errorf("container: Host: %q is too long for a unix socket: %d bytes are possible", path, pathSize-1)
	}
	return nil
}

// network completes a for an engine behind TCP.
func (a *address) network(kind string, config *tls.Config) error {
	u, err := url.Parse(a.host)
	switch {
	case err != nil:
		// The error of url.Parse quotes all of it.
		return fmt.Errorf("container: Host: the %s:// address cannot be parsed", kind)
	case u.User != nil:
		return errors.New("container: Host: a user name or password is of no use")
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("container: Host: %q has a query or fragment", a.host)
	case u.Hostname() == "" || u.Port() == "":
		return fmt.Errorf("container: Host: %q needs a host and a port: 2375 is the usual one, or 2376 with TLS", a.host)
	case kind == "http" && config != nil:
		return errors.New("container: TLS: it needs a tcp:// or https:// Host, not an http:// one")
	}
	if kind == "https" || config != nil {
		a.scheme = "https"
		a.tls = config.Clone() // a nil one stays nil, with which net/http trusts what the system trusts
	}
	a.host = "tcp://" + u.Host + u.EscapedPath()
	return nil
}
