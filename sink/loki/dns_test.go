package loki

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logferry/logferry/sink"
)

// What a nameServer does with questions.
const (
	noSuchName = iota
	serverFailure
	refusesAll
	garbled
	silent
	answers // with 127.0.0.1
	behaviours
)

// A nameServer answers DNS questions on a loopback port. Nothing of this leaves the machine.
type nameServer struct {
	addr      string
	behaviour atomic.Int64
}

func newNameServer(t *testing.T) *nameServer {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ns := &nameServer{addr: c.LocalAddr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for buf := make([]byte, 4096); ; {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := ns.reply(buf[:n]); reply != nil {
				_, _ = c.WriteTo(reply, from)
			}
		}
	})
	t.Cleanup(func() {
		c.Close()
		wg.Wait()
	})
	return ns
}

// reply makes the answer to a question, RFC 1035, section 4.
func (ns *nameServer) reply(question []byte) []byte {
	const header = 12
	if len(question) < header {
		return nil
	}
	end := header // of the name, which is a list of labels
	for end < len(question) && question[end] != 0 {
		end += 1 + int(question[end])
	}
	if end += 1 + 4; end > len(question) { // its end, type and class
		return nil
	}
	r := append([]byte(nil), question[:end]...)
	r[2], r[3] = 0x81, 0x80               // a response; recursion is available
	r[8], r[9], r[10], r[11] = 0, 0, 0, 0 // nothing but the question, so far
	switch ns.behaviour.Load() {
	case noSuchName:
		r[3] |= 3
	case serverFailure:
		r[3] |= 2
	case refusesAll:
		r[3] |= 5
	case garbled:
		return r[:header-1]
	case silent:
		return nil
	case answers:
		if isA := question[end-3] == 1; isA {
			r[7] = 1
			r = append(r, 0xc0, header, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1)
		}
	}
	return r
}

// ask makes ns the nameserver of this process while the test runs. The resolver's own patience is 5 s.
func (ns *nameServer) ask(t *testing.T) {
	before := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = before })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		c, err := net.Dial("udp", ns.addr)
		if err != nil {
			return nil, err
		}
		return hasty{c.(*net.UDPConn)}, nil
	}}
}

type hasty struct{ *net.UDPConn }

func (c hasty) SetDeadline(time.Time) error {
	return c.UDPConn.SetDeadline(time.Now().Add(200 * time.Millisecond))
}

// A name that cannot be resolved, whyever, is worth a retry, and opens a breaker; when it can be, everything arrives. Close
// waits for what the resolver has started.
func TestNameServerFails(t *testing.T) {
	ns := newNameServer(t)
	ns.ask(t)
	v := newVault()
	url := strings.Replace(peerServer(t, func(_ int, p *peer) { serveWell(p, v) }), "127.0.0.1", "loki.invalid", 1)
	for behaviour := range int64(behaviours) {
		ns.behaviour.Store(behaviour)
		s := newSink(t, url, func(c *Config) { c.Timeout = 300 * time.Millisecond })
		fenced := sink.Breaker(s, sink.BreakerConfig{Failures: 2})
		b := noise(uint64(behaviour), shop, 3, 100)
		if behaviour != answers {
			for range 2 {
				if err := fenced.Write(t.Context(), b); classOf(err) != retry {
					t.Errorf("behaviour %d: %v", behaviour, err)
				}
			}
			if err := fenced.Write(t.Context(), b); !errors.Is(err, sink.ErrBreakerOpen) {
				t.Errorf("behaviour %d: the breaker: %v", behaviour, err)
			}
			ns.behaviour.Store(answers)
		}
		s.cfg.Timeout = 20 * time.Second
		again := sink.Retry(s, sink.RetryConfig{Min: time.Millisecond, Max: 5 * time.Millisecond})
		if err := again.Write(t.Context(), b); err != nil {
			t.Errorf("behaviour %d: once it answers: %v", behaviour, err)
		}
		v.believe(t, b, nil)
		closeInTime(t, s)
	}
}
