package lokitest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	binEnv     = "LOGFERRY_LOKI_BIN"
	requireEnv = "LOGFERRY_REQUIRE"

	configName = "loki.yaml"
	logName    = "loki.log"

	// readyTimeout covers a machine that is busy with other tests; about 1 s is usual.
	readyTimeout = 90 * time.Second
	readyPoll    = 50 * time.Millisecond
)

// An Option changes how Start runs Loki.
type Option func(*Server)

// Limits adds lines of YAML, not indented, to Loki's limits_config section, such as "max_line_size: 1KB".
func Limits(yaml string) Option {
	return func(s *Server) { s.limits = append(s.limits, yaml) }
}

// Flags adds command-line flags, which win over the configuration file, such as "-server.grpc-max-recv-msg-size-bytes=65536".
func Flags(args ...string) Option {
	return func(s *Server) { s.flags = append(s.flags, args...) }
}

// A Server is one Loki over one directory and one pair of ports, which outlive the process: Kill or Stop it, and Restart
// brings the same data back at the same URL. Kill, Stop and Restart belong to the test's own goroutine; Push and Query may
// be called from any.
type Server struct {
	// URL is the server's root, such as "http://127.0.0.1:21417". Pushes go to URL + "/loki/api/v1/push".
	URL string

	t      testing.TB
	bin    string
	dir    string
	limits []string
	flags  []string
	tenant string // sent with every request; empty: none
	client *http.Client
	proc   *process // nil: not running
}

// Start runs a Loki and returns once it is ready. It is stopped, and all it wrote removed, when the test ends; if the test
// failed, the end of Loki's log is in the test's output.
//
// Start skips the test if LOGFERRY_LOKI_BIN is not set, or fails it if the comma-separated LOGFERRY_REQUIRE contains "loki".
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s := &Server{
		t:      t,
		bin:    binary(t),
		dir:    t.TempDir(),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}},
	}
	for _, opt := range opts {
		opt(s)
	}
	t.Cleanup(s.cleanup)

	// A port can be lost between finding it free and Loki's binding it.
	for try := 1; ; try++ {
		ports, err := freePorts()
		if err != nil {
			t.Fatal(err)
		}
		s.URL = fmt.Sprintf("http://127.0.0.1:%d", ports.http)
		yaml := config(s.dir, ports, s.limits)
		if err := os.WriteFile(filepath.Join(s.dir, configName), []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		err = s.run()
		if err == nil {
			return s
		}
		if try == 3 || !strings.Contains(s.logTail(), "address already in use") {
			t.Fatal(err)
		}
		t.Logf("%v; trying other ports", err)
	}
}

func binary(t testing.TB) string {
	t.Helper()
	bin := os.Getenv(binEnv)
	if bin == "" {
		if slices.Contains(strings.Split(os.Getenv(requireEnv), ","), "loki") {
			t.Fatalf("lokitest: %s contains loki, but %s is not set", requireEnv, binEnv)
		}
		t.Skipf("lokitest: %s is not set; .ci/run builds a Loki and sets it", binEnv)
	}
	if !filepath.IsAbs(bin) {
		t.Fatalf("lokitest: %s=%s: not an absolute path", binEnv, bin)
	}
	if _, err := os.Stat(bin); err != nil {
		t.Fatalf("lokitest: %s: %v", binEnv, err)
	}
	return bin
}

// Kill ends Loki with SIGKILL. What it acknowledged is in its write-ahead log and is there after Restart.
func (s *Server) Kill() {
	if s.proc != nil {
		s.proc.kill()
		s.proc = nil
	}
	s.client.CloseIdleConnections()
}

// Stop ends Loki with SIGTERM and waits for it; one that does not end within 30 s is killed and fails the test.
func (s *Server) Stop() {
	s.t.Helper()
	if s.proc != nil {
		err := s.proc.stop()
		s.proc = nil
		if err != nil {
			s.t.Error(err)
		}
	}
	s.client.CloseIdleConnections()
}

// Restart runs Loki again over the same directory and ports, stopping it first if it is running, and returns once it is
// ready.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	if err := s.run(); err != nil {
		s.t.Fatal(err)
	}
}

// run starts the process and waits until it is ready; after an error there is no process.
func (s *Server) run() error {
	proc, err := startProcess(s.bin, s.dir, s.flags)
	if err != nil {
		return fmt.Errorf("lokitest: %w", err)
	}
	deadline := time.Now().Add(readyTimeout)
	for time.Now().Before(deadline) {
		if proc.exited(readyPoll) {
			proc.kill()
			return fmt.Errorf("lokitest: loki ended while starting: %v\n%s", proc.cmd.ProcessState, s.logTail())
		}
		if s.ready(deadline) {
			s.proc = proc
			return nil
		}
	}
	proc.kill()
	return fmt.Errorf("lokitest: loki not ready after %v\n%s", readyTimeout, s.logTail())
}

// ready reports whether the Loki at URL is ready and is the one over s.dir rather than another test's.
func (s *Server) ready(deadline time.Time) bool {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	if status, _, err := s.get(ctx, "/ready", nil); err != nil || status != http.StatusOK {
		return false
	}
	_, body, err := s.get(ctx, "/config", nil)
	return err == nil && strings.Contains(string(body), s.dir)
}

func (s *Server) get(ctx context.Context, path string, header http.Header) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
	if err != nil {
		return 0, nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	return s.do(req)
}

func (s *Server) do(req *http.Request) (status int, body []byte, err error) {
	if s.tenant != "" {
		req.Header.Set(tenantHeader, s.tenant)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

func (s *Server) cleanup() {
	// Killed, not stopped: the data goes away with the directory, and a stop would flush it first.
	s.Kill()
	if s.t.Failed() {
		s.t.Logf("the end of Loki's log:\n%s", s.logTail())
	}
}

// logTail returns the last 4 KiB of what Loki printed.
func (s *Server) logTail() string {
	log, err := os.ReadFile(filepath.Join(s.dir, logName))
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-4096):])
}
