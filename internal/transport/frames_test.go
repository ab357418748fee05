package transport

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// frame writes an HTTP/2 frame, RFC 9113, section 4.1.
func frame(c io.Writer, kind, flags byte, stream uint32, payload ...byte) error {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	head = append(head, flags)
	head = binary.BigEndian.AppendUint32(head, stream)
	_, err := c.Write(append(head, payload...))
	return err
}

const (
	kindData, kindHeaders, kindReset, kindSettings, kindGoAway = 0, 1, 3, 4, 7
	refusedStream, internalError                               = 7, 2
	endHeaders, endStream, ack                                 = 4, 1, 1
	status204                                                  = 0x89 // in the static table of RFC 7541, appendix A
)

// plainStreams speaks just enough HTTP/2 on c to tell answer of the end of each request, and to send what it wants.
func plainStreams(c net.Conn, answer func(stream uint32)) {
	if _, err := io.ReadFull(c, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return
	}
	if frame(c, kindSettings, 0, 0) != nil {
		return
	}
	for head := make([]byte, 9); ; {
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		size := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		if _, err := io.CopyN(io.Discard, c, size); err != nil {
			return
		}
		if kind, flags := head[3], head[4]; (kind == kindHeaders || kind == kindData) && flags&endStream != 0 {
			answer(binary.BigEndian.Uint32(head[5:]))
		}
	}
}

// A request that was refused before it was looked at goes out again by itself if it can be repeated; other ends of a
// stream or a connection are errors, and the next request succeeds.
func TestStreamsThatEndEarly(t *testing.T) {
	word := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	for name, test := range map[string]struct {
		fault func(c net.Conn, stream uint32)
		fails bool
	}{
		"refused": {fault: func(c net.Conn, stream uint32) { frame(c, kindReset, 0, stream, word(refusedStream)...) }},
		"reset":   {func(c net.Conn, stream uint32) { frame(c, kindReset, 0, stream, word(internalError)...) }, true},
		"go away, not processed": {fault: func(c net.Conn, stream uint32) {
			frame(c, kindGoAway, 0, 0, append(word(0), word(0)...)...)
		}},
		"go away and gone": {func(c net.Conn, stream uint32) {
			frame(c, kindGoAway, 0, 0, append(word(stream), word(0)...)...)
			c.Close()
		}, true},
		"gone": {func(c net.Conn, stream uint32) { c.Close() }, true},
	} {
		t.Run(name, func(t *testing.T) {
			plain := httptest.NewUnstartedServer(nil)
			plain.EnableHTTP2 = true
			plain.StartTLS() // for its certificate alone
			plain.Close()
			secure := &tls.Config{Certificates: plain.TLS.Certificates, NextProtos: []string{"h2"}}
			var requests atomic.Int64
			addr := rawServer(t, func(c net.Conn) {
				c = tls.Server(c, secure)
				plainStreams(c, func(stream uint32) {
					if requests.Add(1) == 1 {
						test.fault(c, stream)
					} else {
						frame(c, kindHeaders, endHeaders|endStream, stream, status204)
					}
				})
			})
			tr := New(Config{Owner: "test", HTTP2: true, TLS: plain.Client().Transport.(*http.Transport).TLSClientConfig})
			url := "https://" + addr
			resp, err := post(t, tr, t.Context(), url, "x")
			if test.fails != (err != nil) {
				t.Errorf("error %v", err)
			}
			if err == nil {
				discard(resp)
			}
			if resp, err = post(t, tr, t.Context(), url, "x"); err != nil || resp.StatusCode != http.StatusNoContent {
				t.Errorf("the next request: %v", err)
			} else {
				discard(resp)
			}
			if err := tr.Close(t.Context()); err != nil {
				t.Error(err)
			}
			noneLeft(t)
		})
	}
}
