package loki

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/logferry/logferry/sink"
)

// maxTaken is how much of a flood is taken from the server, what the kernel buffers on both sides included, and
// maxSpent how much memory a Write may allocate meanwhile, small change for all the others in the process included.
const (
	floodSize = 100 << 20
	maxTaken  = 30 << 20
	maxSpent  = 6 << 20
)

// A flood is an answer that is more than anybody wants: first once, and then more again and again, a hundred MB of it.
type flood struct {
	name        string
	first, more string
	class       string
}

var floods = []flood{
	{"a body", "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 104857600\r\n\r\n", page, retry},
	{"the body of a refusal", "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 104857600\r\n\r\n", page, permanent},
	{"the body of a wait", "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 104857600\r\n\r\n", page, throttled},
	{"a body without a length", "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n", page, retry},
	{"a body of HTTP/1.0", "HTTP/1.0 502 Bad Gateway\r\n\r\n", page, retry},
	{"chunks", "HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n", fmt.Sprintf("%x\r\n%s\r\n", len(page), page), retry},
	{"chunks of one byte", "HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n", strings.Repeat("1\r\nx\r\n", 5000), retry},
	{"extensions of a chunk", "HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n1;", page, retry},
	{"a web page", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 104857600\r\n\r\n<html>", page, retry},
	{"the body of a 204", "HTTP/1.1 204 No Content\r\nContent-Length: 104857600\r\n\r\n", page, delivered},
	{"a status line", "HTTP/1.1 400 ", page, retry},
	{"a line of the header", "HTTP/1.1 400 Bad Request\r\nX-Bomb: ", page, retry},
	{"lines of the header", "HTTP/1.1 400 Bad Request\r\n", strings.Repeat("X-Bomb: x\r\n", 5000), retry},
	{"different lines of the header", "HTTP/1.1 204 No Content\r\n", differentLines(20_000), retry},
	{"informational answers", "", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 2000), retry},
	{"trailers", "HTTP/1.1 500 Internal Server Error\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\n", strings.Repeat("X: y\r\n", 5000), retry},
	{"something else", "", page, retry},
	{"zeros", "", strings.Repeat("\x00", 60_000), retry},
}

const page = "lines of lines of lines of lines of lines of lines of lines of lines of lines of lines of lines of lines of lines of lines of lines of"

func differentLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "X-Bomb-%d: x\r\n", i)
	}
	return b.String()
}

// However much a server says, little of it is taken, and little memory; and the next Write goes elsewhere.
func TestFlood(t *testing.T) {
	for _, f := range floods {
		t.Run(f.name, func(t *testing.T) { f.meet(t) })
	}
}

func (f flood) meet(t *testing.T) {
	v := newVault()
	var sent atomic.Int64
	url := peerServer(t, func(n int, p *peer) {
		if n > 0 {
			serveWell(p, v)
			return
		}
		streams, err := p.push()
		if err != nil {
			return
		}
		if f.class == delivered {
			v.store(streams)
		}
		p.say(f.first)
		some := []byte(strings.Repeat(f.more, 1+60_000/len(f.more)))
		for sent.Load() < floodSize {
			n, err := p.Write(some)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	s := newSink(t, url)
	b := newBatch(shop, "x")
	spent := spentIn(func() {
		err := s.Write(t.Context(), b)
		if got := classOf(err); got != f.class || err != nil && len(err.Error()) > 1000 {
			t.Errorf("%s: %.1000v", got, err)
		}
		v.believe(t, b, err)
	})
	if err := s.Write(t.Context(), b); err != nil {
		t.Errorf("the next Write: %v", err)
	}
	closeInTime(t, s)
	if spent > maxSpent {
		t.Errorf("%d bytes of memory were allocated", spent)
	}
	if n := sent.Load(); n > maxTaken {
		t.Errorf("%d bytes were taken from the server", n)
	}
}

// spentIn returns how many bytes are allocated while f runs.
func spentIn(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A compressed answer that nobody asked for is not decompressed.
func TestCompressedBomb(t *testing.T) {
	var bomb bytes.Buffer
	w, err := gzip.NewWriterLevel(&bomb, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.CopyN(w, zeros{}, 12<<20)
	w.Close()
	url := peerServer(t, func(_ int, p *peer) {
		if _, err := p.push(); err != nil {
			return
		}
		p.say("HTTP/1.1 500 Internal Server Error\r\nContent-Encoding: gzip\r\n" +
			fmt.Sprintf("Content-Length: %d\r\n\r\n", bomb.Len()) + bomb.String())
		_, _ = p.push()
	})
	s := newSink(t, url)
	if n := spentIn(func() {
		if err := s.Write(t.Context(), newBatch(shop, "x")); classOf(err) != retry || len(err.Error()) > 2000 {
			t.Errorf("%.1000v", err)
		}
	}); n > maxSpent {
		t.Errorf("%d bytes of memory were allocated", n)
	}
	closeInTime(t, s)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Answers that are no good HTTP, or not what they say they are, never count as delivered, nor against an entry.
func TestMalformedAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"longer than it says":          "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 3\r\n\r\nempty ring",
		"shorter than it says":         "HTTP/1.1 400 Bad Request\r\nContent-Length: 30\r\n\r\nentry",
		"two lengths":                  "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
		"a negative length":            "HTTP/1.1 204 No Content\r\nContent-Length: -3\r\n\r\n",
		"a length that is no number":   "HTTP/1.1 204 No Content\r\nContent-Length: x\r\n\r\n",
		"a length that is too long":    "HTTP/1.1 204 No Content\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"an unknown encoding":          "HTTP/1.1 204 No Content\r\nTransfer-Encoding: zip\r\n\r\n",
		"bad chunks":                   "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n",
		"a negative chunk":             "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
		"a status of two digits":       "HTTP/1.1 20 OK\r\n\r\n",
		"a status of four digits":      "HTTP/1.1 2040 No Content\r\n\r\n",
		"a negative status":            "HTTP/1.1 -204 No Content\r\n\r\n",
		"a status below all":           "HTTP/1.1 042 No Content\r\n\r\n",
		"a status above all":           "HTTP/1.1 999 Whatever\r\nContent-Length: 0\r\n\r\n",
		"no status":                    "HTTP/1.1\r\n\r\n",
		"another protocol":             "SSH-2.0-OpenSSH_9.2\r\n",
		"HTTP/0.9":                     "<html>welcome</html>",
		"HTTP/2 in frames":             "\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80\x00\x04\x00\x01\x00\x00\x00\x05\x00\xff\xff\xff",
		"TLS":                          "\x15\x03\x01\x00\x02\x02\x46",
		"a header without a colon":     "HTTP/1.1 204 No Content\r\nNonsense\r\n\r\n",
		"a header that goes on":        "HTTP/1.1 204 No Content\r\n goes on\r\n\r\n",
		"a header with a NUL":          "HTTP/1.1 204 No Content\r\nX: a\x00b\r\n\r\n",
		"an upgrade":                   "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"a web page":                   "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>",
		"a web page as a refusal":      "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>",
		"an empty refusal":             "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
		"part of nothing":              "HTTP/1.1 206 Partial Content\r\nContent-Length: 0\r\n\r\n",
		"not modified":                 "HTTP/1.1 304 Not Modified\r\n\r\n",
		"reset":                        "HTTP/1.1 205 Reset Content\r\n\r\n",
		"a timeout of the other side":  "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		"a refusal cut by its length":  "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\nentry for stream '{}' has timestamp too new: 2026-01-01T00:00:00Z",
		"a 204 that goes to the queue": "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			v := newVault()
			url := peerServer(t, func(n int, p *peer) {
				if n > 0 {
					serveWell(p, v)
					return
				}
				if _, err := p.push(); err == nil {
					p.say(answer)
				}
			})
			s := newSink(t, url)
			again := sink.Retry(s, sink.RetryConfig{Min: 1, Max: 1})
			b := newBatch(shop, "a", "b", "c")
			if err := s.Write(t.Context(), b); classOf(err) != retry || s.Health() == nil {
				t.Errorf("%s: %v", classOf(err), err)
			}
			if err := again.Write(t.Context(), b); err != nil {
				t.Errorf("the next Write: %v", err)
			}
			v.believe(t, b, nil)
			closeInTime(t, s)
		})
	}
}

// An answer of HTTP/1.0, with a connection for each, is an answer.
func TestHTTP10(t *testing.T) {
	v := newVault()
	url := peerServer(t, func(_ int, p *peer) {
		if p.keep(v) != nil {
			return
		}
		p.say("HTTP/1.0 204 No Content\r\n\r\n")
	})
	s := newSink(t, url)
	for i := range 20 {
		b := noise(uint64(i), shop, 3, 100)
		if err := s.Write(t.Context(), b); err != nil {
			t.Error(err)
		}
		v.believe(t, b, nil)
	}
	if got := s.Stats(); got.Requests != 20 || got.Statuses[http.StatusNoContent] != 20 {
		t.Errorf("%+v", got)
	}
	closeInTime(t, s)
}
