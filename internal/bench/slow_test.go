package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"
)

// A service is what a server pretends to be: one of Width workers takes Fixed for a request and PerMiB for each MiB of it
// before compression. The zero service takes no time.
type service struct {
	Fixed, PerMiB time.Duration
	Width         int  // zero: no request waits for another
	Down          bool // every connection is reset
}

// pretended is the part of a counter that does so.
type pretended struct {
	mu      sync.RWMutex
	service service
	workers chan struct{} // has room for Width; nil: no bound
}

// become takes the service of r's body.
func (p *pretended) become(r *http.Request) error {
	var s service
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.service, p.workers = s, nil
	if s.Width > 0 {
		p.workers = make(chan struct{}, s.Width)
	}
	return nil
}

var errDown = errors.New("down")

// serve begins a request. Leave waits for a worker, and for as long as a request of so many bytes takes him.
func (p *pretended) serve() (leave func(size int), err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	s, workers := p.service, p.workers
	if s.Down {
		return nil, errDown
	}
	return func(size int) {
		if workers != nil {
			workers <- struct{}{}
			defer func() { <-workers }()
		}
		if took := s.Fixed + s.PerMiB*time.Duration(size)/(1<<20); took > 0 {
			time.Sleep(took)
		}
	}, nil
}

// become makes the server be like s.
func (s *server) become(t testing.TB, like service) {
	t.Helper()
	body, err := json.Marshal(like)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
}
