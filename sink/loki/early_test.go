package loki

import (
	"io"
	"log"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// maxBody is what the gateways here let through.
const maxBody = 100_000

// A gateway that refuses a request by its length alone, before it has read it, still makes the sink send less at a
// time, however it ends the connection; and what it says is not taken for the answer to another request.
func TestTooLargeMidUpload(t *testing.T) {
	for name, end := range map[string]func(p *peer){
		"and reads on":        func(p *peer) { _, _ = io.Copy(io.Discard, p.body) },
		"and half-closes":     endings[2].end,
		"and closes in a bit": func(p *peer) { _, _ = io.CopyN(io.Discard, p.body, p.length/3) },
		"and closes at once":  func(*peer) {},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVault()
			var refused atomic.Int64
			url := peerServer(t, func(_ int, p *peer) {
				for p.head() == nil {
					if p.length > maxBody {
						refused.Add(1)
						p.say("HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 0\r\n\r\n")
						end(p)
						if name != "and reads on" {
							return
						}
						continue
					}
					streams, err := p.rest()
					if err != nil {
						return
					}
					v.store(streams)
					p.say(answer204)
				}
			})
			s := newSink(t, url)
			again := sink.Retry(s, sink.RetryConfig{Min: time.Millisecond, Max: time.Millisecond})
			var want int
			for i := range 5 {
				b := noise(uint64(i), shop, 50, 10_000)
				want += len(b.Entries)
				if err := again.Write(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				v.believe(t, b, nil)
			}
			if n, _ := v.size(); n != want || refused.Load() == 0 {
				t.Errorf("%d entries are kept, want %d; %d requests were refused", n, want, refused.Load())
			}
			t.Logf("%d requests were refused, %d answers lost", refused.Load(), s.Stats().Statuses[0])
			closeInTime(t, s)
		})
	}
}

// Other answers that come early are answers, or none: a lie is not believed.
func TestEarlyAnswers(t *testing.T) {
	for name, c := range map[string]struct{ answer, class string }{
		"busy":         {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy", retry},
		"wait":         {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy", throttled},
		"unauthorized": {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\n\r\nno org id", retry},
		"stored":       {answer204, retry},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVault()
			// In memory nothing is sent that is not read, so that the request cannot be through.
			judged := make(chan struct{})
			ps := &pipes{serve: func(n int, p *peer) {
				if n > 0 {
					serveWell(p, v)
					return
				}
				if p.half() == nil {
					p.say(c.answer)
					<-judged
				}
			}}
			s := ps.sink(t, "http://127.0.0.1", nil)
			b := noise(1, shop, 60, 10_000)
			err := s.Write(t.Context(), b)
			close(judged)
			if got := classOf(err); got != c.class {
				t.Errorf("%s: %v", got, err)
			}
			v.believe(t, b, err)
			if err := s.Write(t.Context(), b); err != nil {
				t.Error(err)
			}
			v.believe(t, b, nil)
			closeInTime(t, s)
			ps.served.Wait()
		})
	}
}

// A server that answers each request more than once does not have the next one taken for stored.
func TestAnswersTwice(t *testing.T) {
	// net/http tells the log of what is left over while nothing is asked.
	defer log.SetOutput(log.Writer())
	log.SetOutput(io.Discard)
	v := newVault()
	url := peerServer(t, func(_ int, p *peer) {
		if p.keep(v) != nil {
			return
		}
		p.say(answer204 + answer204)
		if p.head() == nil {
			p.reset()
		}
	})
	s := newSink(t, url)
	for i := range 2000 {
		b := noise(uint64(i), shop, 1, 100)
		err := s.Write(t.Context(), b)
		v.believe(t, b, err)
	}
	closeInTime(t, s)
}

// Answers are lost after the commit again and again: the same is sent again until one arrives, and is kept once.
func TestAnswersAreLost(t *testing.T) {
	v := newVault()
	const lost = 60
	url := peerServer(t, func(n int, p *peer) {
		if n >= lost {
			serveWell(p, v)
			return
		}
		if p.keep(v) != nil {
			return
		}
		endings[n%len(endings)].end(p)
	})
	s := newSink(t, url)
	again := sink.Retry(s, sink.RetryConfig{Min: time.Millisecond, Max: time.Millisecond})
	entries := 0
	for i := range 10 {
		b := noise(uint64(i), shop, 7, 100)
		entries += len(b.Entries)
		if err := again.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	kept, repeated := v.size()
	if kept != entries || repeated != 7*lost || s.Stats().Statuses[0] != lost || s.Stats().Unanswered != lost {
		t.Errorf("%d entries are kept, want %d; %d came again, want %d; %+v", kept, entries, repeated, 7*lost, s.Stats())
	}
	closeInTime(t, s)
}

// A server that is restarted at its address costs what was under way another request, and nothing else.
func TestServerIsRestarted(t *testing.T) {
	v := newVault()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	serve := func(_ int, c net.Conn) { serveWell(newPeer(c), v) }
	stop := serveOn(l, serve)
	s := newSink(t, "http://"+addr)
	entries := 0
	write := func() (*batch.Batch, error) {
		b := noise(uint64(entries), shop, 5, 100)
		entries += len(b.Entries)
		err := s.Write(t.Context(), b)
		v.believe(t, b, err)
		return b, err
	}
	for i := range 10 {
		if _, err := write(); err != nil {
			t.Errorf("after restart %d: %v", i, err)
		}
		stop()
		b, err := write()
		if classOf(err) != retry {
			t.Errorf("while nobody is there: %v", err)
		}
		if l, err = net.Listen("tcp", addr); err != nil {
			t.Skipf("the address is taken by somebody else: %v", err)
		}
		stop = serveOn(l, serve)
		if err := s.Write(t.Context(), b); err != nil {
			t.Errorf("after restart %d: %v", i, err)
		}
	}
	stop()
	if n, _ := v.size(); n != entries {
		t.Errorf("%d entries are kept, want %d", n, entries)
	}
	closeInTime(t, s)
}
