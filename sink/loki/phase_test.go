package loki

import (
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// silence takes what comes and answers nothing.
func silence(_ int, c net.Conn) { io.Copy(io.Discard, c) }

// Wherever a request gets stuck, its error says so and for how long it was there, and those that were sent whole are
// counted.
func TestPhases(t *testing.T) {
	mute := func(t *testing.T, first func(c net.Conn)) string {
		return rawServer(t, func(_ int, c net.Conn) {
			first(c)
			io.Copy(io.Discard, c)
		})
	}
	says := func(answer string) func(c net.Conn) {
		return func(c net.Conn) {
			if readRequest(c) == nil {
				io.WriteString(c, answer)
			}
		}
	}
	const short = 2 * time.Second // on a busy machine, too, enough to get as far as is meant
	for name, test := range map[string]struct {
		serve      func(t *testing.T) string
		change     func(url string, c *Config)
		want       string // a pattern
		unanswered int64
	}{
		"connecting through the proxy": {
			serve:  func(t *testing.T) string { return mute(t, func(net.Conn) {}) },
			change: func(url string, c *Config) { c.URL, c.ProxyURL, c.DialTimeout = "https://loki.example", url, short },
			want:   `^loki: push to https://loki\.example through the proxy: connecting, after [1-9]\d*.*: .*timeout`,
		},
		"TLS handshake": {
			serve: func(t *testing.T) string { return mute(t, func(net.Conn) {}) },
			change: func(url string, c *Config) {
				c.URL, c.DialTimeout = strings.Replace(url, "http://", "https://", 1), short
			},
			want: `^loki: push to https://127\.0\.0\.1:\d+: TLS handshake, after [1-9]\d*.*: .*timeout`,
		},
		// The kernel may take a whole request; the window of HTTP/2 is a megabyte.
		"sending": {
			serve: func(t *testing.T) string {
				server, _ := certificate(t)
				return secured(t, server, func(_ http.ResponseWriter, r *http.Request) {
					<-r.Context().Done()
				}).URL
			},
			change: func(_ string, c *Config) { c.TLSConfig.InsecureSkipVerify, c.HTTP2, c.Timeout = true, true, short },
			want:   `no answer within 2s: sending the request, after [1-9]`,
		},
		"waiting": {
			serve:      func(t *testing.T) string { return mute(t, says("")) },
			change:     func(_ string, c *Config) { c.AnswerTimeout = short },
			want:       `: waiting for the answer, after [1-9]\d*.*: .*timeout`,
			unanswered: 1,
		},
		"reading": {
			serve: func(t *testing.T) string {
				return mute(t, says("HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\nentry"))
			},
			change:     func(_ string, c *Config) { c.Timeout = short },
			want:       `no answer within 2s: reading the answer, after [1-9]`,
			unanswered: 1,
		},
		"answered": {
			serve: func(t *testing.T) string {
				return mute(t, says("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nlate"))
			},
			change: func(_ string, c *Config) {},
			want:   `status 503: late$`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := test.serve(t)
			s := newSink(t, url, func(c *Config) { c.MaxRequest, c.MaxLine = maxMaxRequest, maxMaxLine; test.change(url, c) })
			err := s.Write(t.Context(), noise(1, shop, 1, maxMaxLine-100))
			if classOf(err) != retry || !regexp.MustCompile(test.want).MatchString(err.Error()) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if n := s.Stats().Unanswered; n != test.unanswered {
				t.Errorf("%d unanswered, want %d", n, test.unanswered)
			}
		})
	}
}

// A request on a connection that the other side closes instead of answering is repeated at once, and counted: it may
// have been stored.
func TestRepeatedOnAnotherConnection(t *testing.T) {
	f := newFake(t)
	f.answer = func(n int, p push, _ http.ResponseWriter, _ *http.Request) bool {
		if n == 1 {
			f.store(p)
			panic(http.ErrAbortHandler)
		}
		return false
	}
	s := newSink(t, f.URL)
	for range 2 {
		if err := s.Write(t.Context(), newBatch(shop, "x")); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.Stats(); st.Unanswered != 1 || st.Requests != 2 || len(f.all()) != 3 {
		t.Errorf("%+v, %d pushes", st, len(f.all()))
	}
}

// A server that does not answer is not asked again on the next connection: it is not the connection's fault.
func TestImpatienceIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		f := &fakeLoki{t: t}
		f.answer = func(n int, _ push, _ http.ResponseWriter, _ *http.Request) bool {
			if n > 0 {
				<-release
			}
			return false
		}
		s := bubbleSink(t, f.serve, func(c *Config) { c.AnswerTimeout = 3 * time.Second })
		if err := s.Write(t.Context(), newBatch(shop, "x")); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err := s.Write(t.Context(), newBatch(shop, "x"))
		if took := time.Since(began); classOf(err) != retry || took != 3*time.Second || len(f.all()) != 2 {
			t.Errorf("%v after %v and %d pushes", err, took, len(f.all()))
		}
	})
}

// What a proxy or a TLS server that says nothing holds is let go of: more requests than there may be connections.
func TestSilentServerHoldsNothing(t *testing.T) {
	url := rawServer(t, silence)
	s := newSink(t, strings.Replace(url, "http://", "https://", 1), func(c *Config) {
		c.DialTimeout = 20 * time.Millisecond
		c.TLSConfig.InsecureSkipVerify = true
	})
	for range maxConns + 3 {
		if err := s.Write(t.Context(), newBatch(shop, "x")); classOf(err) != retry || strings.Contains(err.Error(), "no answer within") {
			t.Fatal(err)
		}
	}
}

func TestTimeoutsAreChecked(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"Config.DialTimeout: -1ns: negative":        func(c *Config) { c.DialTimeout = -1 },
		"Config.AnswerTimeout: -1ns: negative":      func(c *Config) { c.AnswerTimeout = -1 },
		"Config.DialTimeout: 11s: longer than":      func(c *Config) { c.DialTimeout = 11 * time.Second },
		"Config.AnswerTimeout: 2s: longer than":     func(c *Config) { c.Timeout, c.AnswerTimeout = time.Second, 2*time.Second },
		"Config.ProxyURL: does not begin with http": func(c *Config) { c.ProxyURL = "ftp://secret@x" },
		"Config.ProxyURL: names no host":            func(c *Config) { c.ProxyURL = "http://" },
		"Config.ProxyURL: not a URL":                func(c *Config) { c.ProxyURL = "http://u:secret%zz@x" },
		"Config.ProxyURL: has more than":            func(c *Config) { c.ProxyURL = "http://u:secret@x/path" },
		"Config.ProxyURL: user name or password":    func(c *Config) { c.ProxyURL = "socks5://u:secret" + strings.Repeat("x", 250) + "@x" },
	} {
		cfg := Config{URL: "http://x"}
		change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for timeout, want := range map[time.Duration][2]time.Duration{ // DialTimeout and AnswerTimeout
		0:               {5 * time.Second, 10 * time.Second},
		2 * time.Second: {2 * time.Second, 2 * time.Second},
		time.Minute:     {5 * time.Second, time.Minute},
	} {
		s, err := New(Config{URL: "http://x", Timeout: timeout})
		if err != nil || s.cfg.DialTimeout != want[0] || s.cfg.AnswerTimeout != want[1] {
			t.Errorf("%v: %v and %v, %v", timeout, s.cfg.DialTimeout, s.cfg.AnswerTimeout, err)
		}
	}
}
