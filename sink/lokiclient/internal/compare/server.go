package main

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/golang/snappy"
	"github.com/grafana/loki/pkg/push"
)

// A server is a Loki that takes everything, and counts the numbers of lines.
type server struct {
	http *http.Server
	url  string
	done chan struct{}

	mu     sync.Mutex
	seen   map[int]int
	broken int // lines that do not begin with a number
	latest time.Time
}

func startServer() (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{url: "http://" + l.Addr().String() + "/loki/api/v1/push", done: make(chan struct{}), seen: map[int]int{}}
	s.http = &http.Server{Handler: s}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(l) // it returns when stop is called
	}()
	return s, nil
}

func (s *server) stop() {
	_ = s.http.Close() // what is under way is cut off
	<-s.done
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	wire, err := io.ReadAll(r.Body)
	var raw []byte
	if err == nil {
		raw, err = snappy.Decode(nil, wire)
	}
	var p push.PushRequest
	if err == nil {
		err = p.Unmarshal(raw)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.count(p.Streams)
	w.WriteHeader(http.StatusNoContent)
}

func (s *server) count(streams []push.Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest = time.Now()
	for _, st := range streams {
		for _, e := range st.Entries {
			if n, err := strconv.Atoi(e.Line[:min(len(e.Line), 8)]); err == nil && len(e.Line) > 8 && e.Line[8] == ' ' {
				s.seen[n]++
			} else {
				s.broken++
			}
		}
	}
}

// A count is what has come of the lines that were written.
type count struct{ lost, twice, broken int }

// settle waits until all of n lines have come, or nothing has for a while, and counts.
func (s *server) settle(n int, quiet time.Duration) count {
	start := time.Now()
	for {
		s.mu.Lock()
		last := s.latest
		c := count{lost: n, broken: s.broken}
		for line, times := range s.seen {
			if line < n {
				c.lost--
			}
			c.twice += times - 1
		}
		s.mu.Unlock()
		if last.Before(start) {
			last = start
		}
		if c.lost == 0 || time.Since(last) > quiet {
			return c
		}
		time.Sleep(20 * time.Millisecond)
	}
}
