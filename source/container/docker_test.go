package container

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestPing(t *testing.T) {
	tests := []struct {
		theirs string
		status int
		want   apiVersion
		wrong  string
	}{
		{theirs: "1.41", status: 200, want: apiVersion{1, 41}},
		{theirs: "1.45", status: 200, want: apiVersion{1, 45}},
		{theirs: "1.51", status: 200, want: apiVersion{1, 51}},
		{theirs: "1.99", status: 200, want: apiVersion{1, 51}}, // the library's own
		{theirs: "2.0", status: 200, want: apiVersion{1, 51}},
		{theirs: "", status: 200, wrong: "is this a container engine?"},
		{theirs: "", status: 301, wrong: "is this a container engine?"},
		{theirs: "1.45/..", status: 200, wrong: `"1.45/.." is no version`},
		{theirs: "1.-4", status: 200, wrong: "is no version"},
		{theirs: "1", status: 200, wrong: "is no version"},
		{theirs: "1.45", status: 500, wrong: "500 Internal Server Error"},
		{theirs: "1.45", status: 403, wrong: "403 Forbidden"},
	}
	for _, test := range tests {
		t.Run(test.theirs+" "+http.StatusText(test.status), func(t *testing.T) {
			s := newServer(t)
			s.version, s.status, s.list = test.theirs, test.status, reply(`[]`)
			d := s.engine(t)
			got, err := d.ping(t.Context())
			if test.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), test.wrong) || !strings.HasPrefix(err.Error(), "container: ping: ") {
					t.Errorf("got %v, %v", got, err)
				}
				if _, err := d.list(t.Context()); !errors.Is(err, errEarly) {
					t.Errorf("list: %v", err)
				}
				return
			}
			if err != nil || got != test.want {
				t.Errorf("got %v, %v", got, err)
			}
			if _, err := d.list(t.Context()); err != nil {
				t.Error(err)
			}
			if got, want := s.requests(), []string{"/v" + test.want.String() + "/containers/json?all=1"}; !slices.Equal(got, want) {
				t.Errorf("asked %q, want %q", got, want)
			}
		})
	}
}

// Another version is told of by each ping that finds it; what is beyond our own is none.
func TestVersionChange(t *testing.T) {
	s := newServer(t)
	d := s.engine(t)
	for i, step := range []struct {
		theirs  string
		changed bool
	}{{"1.52", false}, {"1.53", false}, {"1.51", false}, {"1.45", true}, {"1.41", true}, {"1.51", false}} {
		s.speaks(step.theirs)
		if _, err := d.ping(t.Context()); errors.Is(err, errVersionChanged) != step.changed || !step.changed && err != nil {
			t.Errorf("ping %d, of %s: %v", i, step.theirs, err)
		}
	}
}

// Before the version is known, nothing but pings is asked.
func TestEarly(t *testing.T) {
	s := newServer(t)
	d := s.engine(t)
	_, list := d.list(t.Context())
	_, inspect := d.inspect(t.Context(), "abc")
	_, logs := d.logs(t.Context(), "abc", logRequest{})
	events := d.events(t.Context(), time.Time{}, func(event) { t.Error("an event") })
	for _, err := range []error{list, inspect, logs, events} {
		if !errors.Is(err, errEarly) {
			t.Errorf("got %v", err)
		}
	}
	if got := s.requests(); got != nil {
		t.Errorf("asked %q", got)
	}
}

// First pings may race with each other and with all else.
func TestConcurrentPings(t *testing.T) {
	s := newServer(t)
	s.list = reply(`[]`)
	d := s.engine(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if v, err := d.ping(t.Context()); err != nil || v != (apiVersion{1, 45}) {
				t.Errorf("ping: %v, %v", v, err)
			}
		})
		wg.Go(func() {
			if _, err := d.list(t.Context()); err != nil && !errors.Is(err, errEarly) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, u := range s.requests() {
		if !strings.HasPrefix(u, "/v1.45/") {
			t.Errorf("asked %s", u)
		}
	}
}

func TestList(t *testing.T) {
	s := newServer(t)
	s.list = reply(`[{"Id":"abc","Names":["/web/db","/db"],"Image":"postgres:17","ImageID":"sha256:1","Labels":{"a":"b"},"State":"running"},
		{"Id":"def","Names":["plain"],"Image":"sha256:2","Labels":null,"State":"exited"},{"Id":"ghi"}]`)
	got, err := s.pinged(t).list(t.Context())
	want := []summary{
		{id: "abc", name: "db", image: "postgres:17", labels: map[string]string{"a": "b"}, state: "running"},
		{id: "def", name: "plain", image: "sha256:2", state: "exited"},
		{id: "ghi"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestInspect(t *testing.T) {
	full := details{
		summary: summary{id: "abc", name: "db", image: "postgres:17", labels: map[string]string{"a": "b"}, state: "running"},
		tty:     true, driver: "local", options: map[string]string{"max-size": "10k"}, logPath: "/x-json.log",
		started: time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC),
	}
	fresh := details{summary: summary{id: "abc", state: "created"}}
	tests := map[string]struct {
		answer string
		want   details
		wrong  string
	}{
		"full": {answer: `{"Id":"abc","Name":"/db","LogPath":"/x-json.log","State":{"Status":"running","StartedAt":"2026-01-02T03:04:05.123456789Z"},
			"HostConfig":{"LogConfig":{"Type":"local","Config":{"max-size":"10k"}}},"Config":{"Tty":true,"Image":"postgres:17","Labels":{"a":"b"}}}`, want: full},
		"never started": {answer: `{"Id":"abc","State":{"Status":"created","StartedAt":"0001-01-01T00:00:00Z"},"HostConfig":{},"Config":{}}`, want: fresh},
		"no time":       {answer: `{"Id":"abc","State":{"Status":"created","StartedAt":""},"HostConfig":{},"Config":{}}`, want: fresh},
		"no Config":     {answer: `{"Id":"abc","State":{},"HostConfig":{}}`, wrong: "incomplete"},
		"no State":      {answer: `{"Id":"abc","Config":{},"HostConfig":{}}`, wrong: "incomplete"},
		"no HostConfig": {answer: `{"Id":"abc","Config":{},"State":{}}`, wrong: "incomplete"},
		"nothing":       {answer: `{}`, wrong: "incomplete"},
		"null":          {answer: `null`, wrong: "incomplete"},
		"cut":           {answer: `{"Id":"abc","Con`, wrong: "EOF"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.inspect = reply(test.answer)
			got, err := s.pinged(t).inspect(t.Context(), "abc")
			if test.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), test.wrong) || !strings.HasPrefix(err.Error(), "container: inspect of abc: ") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// Which part of a log is asked for, to the nanosecond.
func TestLogRequests(t *testing.T) {
	at := time.Unix(1700000000, 12)
	for want, r := range map[string]logRequest{
		"stderr=1&stdout=1&tail=all&timestamps=1":                                            {},
		"follow=1&stderr=1&stdout=1&tail=1000&timestamps=1":                                  {tail: 1000, follow: true},
		"since=1700000000.000000012&stderr=1&stdout=1&tail=all&timestamps=1":                 {since: at},
		"follow=1&since=1700000000.000000012&stderr=1&stdout=1&tail=1&timestamps=1":          {since: at, tail: 1, follow: true},
		"since=0.000000000&stderr=1&stdout=1&tail=all&timestamps=1":                          {since: time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)},
		"since=4102444800.999999999&stderr=1&stdout=1&tail=9223372036854775807&timestamps=1": {since: time.Unix(4102444800, 999999999), tail: 1<<63 - 1},
	} {
		s := newServer(t)
		s.logs = func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }
		body, err := s.pinged(t).logs(t.Context(), "abc", r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(body)
		if string(text) != "hello" || err != nil {
			t.Errorf("read %q, %v", text, err)
		}
		if err := body.Close(); err != nil {
			t.Error(err)
		}
		if got := s.requests(); !slices.Equal(got, []string{"/v1.45/containers/abc/logs?" + want}) {
			t.Errorf("asked %q, want %q", got, want)
		}
	}
}

// A Read that waits ends with its ctx, and with its body.
func TestReadsEnd(t *testing.T) {
	s := newServer(t)
	s.logs = silence
	d := s.pinged(t)
	for name, end := range map[string]func(context.CancelFunc, io.Closer){
		"cancel": func(cancel context.CancelFunc, _ io.Closer) { cancel() },
		"close":  func(_ context.CancelFunc, body io.Closer) { body.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			body, err := d.logs(ctx, "abc", logRequest{follow: true})
			if err != nil {
				t.Fatal(err)
			}
			read := make(chan error)
			go func() {
				_, err := body.Read(make([]byte, 1))
				read <- err
			}()
			end(cancel, body)
			if err := <-read; err == nil || err == io.EOF {
				t.Errorf("Read: %v", err)
			}
			body.Close()
		})
	}
}

// A closed body leaves nothing with a ctx that lasts, as the one of a Run does.
func TestBodiesLetGo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := &logBody{ReadCloser: io.NopCloser(strings.NewReader("")), cancel: cancel}
	if err := b.Close(); err != nil || ctx.Err() == nil {
		t.Errorf("%v, and the ctx: %v", err, ctx.Err())
	}
}

// No connection and no goroutine of 50 silent streams outlives close.
func TestCloseJoins(t *testing.T) {
	s := newServer(t)
	s.logs, s.events = silence, silence
	d := s.pinged(t)
	ctx, cancel := context.WithCancel(t.Context())
	readers := listen(t, ctx, d, 50)
	began := time.Now()
	cancel()
	readers.Wait()
	if err := d.close(t.Context()); err != nil {
		t.Error(err)
	}
	t.Logf("closed in %v", time.Since(began))
	if n := d.transport.Open(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	if left := stacksOf("(*persistConn)"); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// stacksOf returns the stacks of all goroutines if a function is among them.
func stacksOf(function string) string {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	if !strings.Contains(string(stacks), function) {
		return ""
	}
	return string(stacks)
}

// TLS is spoken with what the caller trusts, and with nobody else.
func TestTLS(t *testing.T) {
	s := newServerUnstarted(t)
	s.list = reply(`[]`)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshakes that are refused
	s.StartTLS()
	host := strings.TrimPrefix(s.URL, "https://")
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	trusting := &tls.Config{RootCAs: pool}
	d := newEngine(t, Config{Host: "tcp://" + host, TLS: trusting})
	if _, err := d.ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.list(t.Context()); err != nil {
		t.Error(err)
	}
	for name, cfg := range map[string]Config{
		"the system's authorities": {Host: "https://" + host},
		"no TLS":                   {Host: "tcp://" + host},
	} {
		if _, err := newEngine(t, cfg).ping(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// With a path in front, the requests have it as well.
func TestBasePath(t *testing.T) {
	s := newServerUnstarted(t)
	s.list = reply(`[]`)
	inner := s.Config.Handler
	s.Config.Handler = http.StripPrefix("/engine", inner)
	s.Start()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	d := newEngine(t, Config{Host: "http://" + u.Host + "/engine"})
	if _, err := d.ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.list(t.Context()); err != nil {
		t.Error(err)
	}
}

// An engine that is not there is an error that says where it should be.
func TestNobody(t *testing.T) {
	s := httptest.NewServer(nil)
	host := strings.TrimPrefix(s.URL, "http://")
	s.Close()
	for _, host := range []string{"unix:///nonexistent/engine.sock", "tcp://" + host} {
		_, err := newEngine(t, Config{Host: host}).ping(t.Context())
		if err == nil || !strings.Contains(err.Error(), host) {
			t.Errorf("%s: %v", host, err)
		}
	}
}
