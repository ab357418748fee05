package loki

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/logferry/logferry/sink"
)

// When a gateway says how long to wait, that is waited for and held against nobody; when it does not, or talks nonsense,
// only a rate limit is not held against the destination.
func TestRetryAfterIsHonoured(t *testing.T) {
	date := time.Now().Add(10 * time.Minute).UTC().Format(http.TimeFormat)
	for _, test := range []struct {
		status   int
		after    string
		from, to time.Duration // what is to be waited; both zero: up to the backoff
		held     bool          // the breaker counts it
	}{
		{429, "7", 7 * time.Second, 7 * time.Second, false},
		{429, date, 8 * time.Minute, 10 * time.Minute, false},
		{429, "soon", 0, 0, false},
		{429, "", 0, 0, false},
		{503, "7", 7 * time.Second, 7 * time.Second, false},
		{503, date, 8 * time.Minute, 10 * time.Minute, false},
		{503, "soon", 0, 0, true},
		{503, "0", 0, 0, true},
		{503, "", 0, 0, true},
		{500, "7", 7 * time.Second, 7 * time.Second, false},
		{502, date, 8 * time.Minute, 10 * time.Minute, false},
		{504, "31557600", time.Hour, time.Hour, false},
		{404, "7", 0, 0, true},
	} {
		t.Run(fmt.Sprintf("%d %q", test.status, test.after), func(t *testing.T) {
			f := newFake(t)
			f.answers(fixedAnswer{test.status, "no", map[string]string{"Retry-After": test.after}})
			s := sink.Breaker(newSink(t, f.URL), sink.BreakerConfig{Failures: 1})
			err := s.Write(t.Context(), newBatch(shop, "x"))
			wait, asked := sink.After(err)
			if err == nil || sink.IsPermanent(err) || asked == test.held || wait < test.from || wait > test.to {
				t.Errorf("waits %v (%v) after %v", wait, asked, err)
			}
			if open := s.(sink.BreakerStater).BreakerState() == sink.Open; open != test.held {
				t.Errorf("the breaker is open: %v", open)
			}
		})
	}
}
