package transport

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// One request after the other, and several at once, in both protocols.
func BenchmarkProtocol(b *testing.B) {
	s, trusting := secureServer(b, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	body := strings.Repeat("x", 200_000)
	for name, two := range map[string]bool{"HTTP1": false, "HTTP2": true} {
		for _, width := range []int{1, 16} {
			b.Run(name+map[int]string{1: "/alone", 16: "/16"}[width], func(b *testing.B) {
				tr := New(Config{Owner: "bench", TLS: trusting, HTTP2: two, MaxConns: 32, MaxIdle: 32, WriteBuffer: 64 << 10})
				b.ReportAllocs()
				b.SetBytes(int64(len(body)))
				b.SetParallelism(max(1, width/runtime.GOMAXPROCS(0)))
				one := func() {
					resp, err := post(b, tr, b.Context(), s.URL, body)
					if err != nil {
						b.Error(err)
						return
					}
					discard(resp)
				}
				if width == 1 {
					for b.Loop() {
						one()
					}
				} else {
					b.RunParallel(func(p *testing.PB) {
						for p.Next() {
							one()
						}
					})
				}
				b.StopTimer()
				if err := tr.Close(context.Background()); err != nil {
					b.Error(err)
				}
			})
		}
	}
}
