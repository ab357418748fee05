package loki

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// stallTime is longer than any time limit here.
const stallTime = 30 * time.Second

// A stall is how far a server goes before it stops for a while.
type stall struct {
	name  string
	dial  bool // there is no connection for that long
	tls   bool // it is the handshake that does not come
	stall func(p *peer, v *vault)
}

// stallIn stalls within an answer, which is good if the client has waited for it.
func stallIn(name string, keep bool, before, after string) stall {
	return stall{name: name, stall: func(p *peer, v *vault) {
		streams, err := p.push()
		if err != nil {
			return
		}
		if keep {
			v.store(streams)
		}
		p.say(before)
		time.Sleep(stallTime)
		p.say(after)
	}}
}

// drip sends text one byte a second after a request, until nobody listens.
func drip(name, before, text string) stall {
	return stall{name: name, stall: func(p *peer, _ *vault) {
		if _, err := p.push(); err != nil {
			return
		}
		p.say(before)
		for i := 0; ; i++ {
			if _, err := io.WriteString(p, text[i%len(text):i%len(text)+1]); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}}
}

var stalls = []stall{
	{name: "before the connection", dial: true},
	{name: "in the handshake", tls: true, stall: func(p *peer, _ *vault) {
		_, _ = p.in.Peek(100)
		time.Sleep(stallTime)
	}},
	{name: "at once", stall: func(*peer, *vault) { time.Sleep(stallTime) }},
	{name: "in the request's head", stall: func(p *peer, _ *vault) {
		_, _ = p.in.ReadByte()
		time.Sleep(stallTime)
	}},
	{name: "a byte of the request at a time", stall: func(p *peer, _ *vault) {
		for one := make([]byte, 1); ; time.Sleep(time.Second) {
			if _, err := p.Read(one); err != nil {
				return
			}
		}
	}},
	{name: "after half the request", stall: func(p *peer, _ *vault) {
		if p.half() == nil {
			time.Sleep(stallTime)
		}
	}},
	stallIn("after the request", false, "", answerOf(500, "too late")),
	stallIn("after the commit", true, "", answer204),
	stallIn("in the status line", true, "HTTP/1.1 2", "04 No Content\r\n\r\n"),
	stallIn("in the header", true, "HTTP/1.1 204 No Content\r\nDa", "te: now\r\n\r\n"),
	stallIn("after an informational answer", true, "HTTP/1.1 103 Early Hints\r\n\r\n", answer204),
	stallIn("before the body", false, "HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\n", "nope"),
	stallIn("in the body", false, "HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nno", "pe"),
	drip("a byte of the status line at a time", "", "HTTP/1.1 200 OK"),
	drip("a byte of the header at a time", "HTTP/1.1 400 Bad Request\r\n", "X: y\r\n"),
	drip("a byte of the body at a time", "HTTP/1.1 400 Bad Request\r\nContent-Length: 50000\r\n\r\n", "e"),
	drip("a byte of a chunk at a time", "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n5000\r\n", "e"),
	drip("an informational answer at a time", "", "HTTP/1.1 103 Early Hints\r\n\r\n"),
}

// network returns pipes the first stalled connections of which are stalled.
func (st stall) network(t *testing.T, v *vault, stalled int) (*pipes, func(...func(*Config)) *Sink) {
	scheme := "http"
	if st.tls {
		scheme = "https"
	}
	server, client := certificate(t)
	ps := &pipes{serve: func(n int, p *peer) {
		if n < stalled && st.stall != nil {
			st.stall(p, v)
			return
		}
		if st.tls {
			p.encrypt(server)
		}
		serveWell(p, v)
	}}
	if st.dial {
		ps.await = func(ctx context.Context, n int) error {
			if n >= stalled {
				return nil
			}
			select {
			case <-time.After(stallTime):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return ps, func(change ...func(*Config)) *Sink { return ps.sink(t, scheme+"://127.0.0.1", client, change...) }
}

// eachStall runs f in a bubble for every stall.
func eachStall(t *testing.T, f func(t *testing.T, st stall)) {
	for _, st := range stalls {
		t.Run(st.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, st) })
		})
	}
}

// A Write ends when its time is up, wherever the server has stopped, and the next one delivers.
func TestStall(t *testing.T) {
	eachStall(t, func(t *testing.T, st stall) {
		v := newVault()
		ps, open := st.network(t, v, 1)
		s := open(func(c *Config) { c.Timeout = 7 * time.Second })
		b := noise(1, shop, 30, 1000)
		began := time.Now()
		err := s.Write(t.Context(), b)
		took := time.Since(began)
		if classOf(err) != retry || !isTimeout(err) || took > 7*time.Second || took < 2*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		if err := s.Write(t.Context(), b); err != nil {
			t.Errorf("the next Write: %v", err)
		}
		v.believe(t, b, nil)
		closeInTime(t, s)
		ps.served.Wait()
	})
}

// The caller's ctx ends a Write at once, and the connection with it.
func TestStallIsCancelled(t *testing.T) {
	eachStall(t, func(t *testing.T, st stall) {
		ps, open := st.network(t, newVault(), 1)
		s := open()
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		stop := time.AfterFunc(1300*time.Millisecond, func() { cancel(enough) })
		defer stop.Stop()
		began := time.Now()
		err := s.Write(ctx, noise(1, shop, 30, 1000))
		if took := time.Since(began); classOf(err) != retry || !errors.Is(err, enough) || took != 1300*time.Millisecond {
			t.Errorf("after %v: %v", took, err)
		}
		began = time.Now()
		closeInTime(t, s)
		if took := time.Since(began); took > time.Second {
			t.Errorf("Close took %v", took)
		}
		ps.served.Wait()
	})
}

// patient is a stack for pipelines.
func patient(s *Sink) sink.Sink {
	return sink.Retry(sink.Breaker(s, sink.BreakerConfig{}), sink.RetryConfig{})
}

// quick is patient for those who have no time.
func quick(s *Sink) sink.Sink {
	return sink.Retry(sink.Breaker(s, sink.BreakerConfig{OpenFor: 3 * time.Millisecond, MaxOpenFor: 3 * time.Millisecond}),
		sink.RetryConfig{Min: time.Millisecond, Max: 5 * time.Millisecond})
}

// quickRoute is a route that does not wait longer each time, as one with a shaper of its own does.
func quickRoute(s *Sink) pipeline.Route {
	return pipeline.Route{Name: "loki", Sink: quick(s), Shaper: batch.Fixed(batch.Limits{}), MaxInFlight: 8}
}

// A pipeline outlasts a server that stops for 30 s again and again: every line is there, once and in order.
func TestStallUnderAPipeline(t *testing.T) {
	eachStall(t, func(t *testing.T, st stall) {
		v := newVault()
		ps, open := st.network(t, v, 20)
		s := open()
		lines := lineSource{streams: 3, lines: 40, every: 2300 * time.Millisecond, perBatch: 4}
		p, err := pipeline.New(pipeline.Config{
			Sources: map[string]source.Source{"lines": lines},
			Routes:  []pipeline.Route{{Name: "loki", Sink: patient(s)}},
			// So that the end of the input does not cut the outage short.
			CloseTimeout: time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context()); err != nil {
			t.Error(err)
		}
		lines.complete(t, v)
		r := p.Stats().Routes["loki"]
		if r.Delivered != 3*40 || r.Retries == 0 || s.transport.Open() != 0 {
			t.Errorf("%+v; %d connections are left", r, s.transport.Open())
		}
		ps.served.Wait()
	})
}

// A pipeline whose server never gets going again is closed in its time, and knows what it has not delivered.
func TestCloseDuringAStall(t *testing.T) {
	eachStall(t, func(t *testing.T, st stall) {
		v := newVault()
		ps, open := st.network(t, v, 1<<30)
		s := open()
		lines := lineSource{streams: 3, lines: 1000, every: 100 * time.Millisecond, perBatch: 4}
		p, err := pipeline.New(pipeline.Config{
			Sources: map[string]source.Source{"lines": lines},
			Routes:  []pipeline.Route{{Name: "loki", Sink: patient(s)}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(14700 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		err = p.Close(ctx)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("Close took %v", took)
		}
		if _, ok := errors.AsType[*pipeline.UndeliveredError](err); !ok {
			t.Errorf("Close: %v", err)
		}
		src := p.Stats().Sources["lines"]
		kept, _ := v.size()
		if src.Read == 0 || src.Read != src.Delivered+src.Undelivered || src.Delivered > int64(kept) || s.transport.Open() != 0 {
			t.Errorf("%+v; %d are kept, %d connections are left", src, kept, s.transport.Open())
		}
		ps.served.Wait()
	})
}
