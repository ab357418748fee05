package loki

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// An adversary answers at random with what Loki, gateways and liars say. It knows which lines were in a request of which
// its answer said that some are stored.
type adversary struct {
	mu   sync.Mutex
	rnd  *rand.Rand
	said map[string]bool
}

func (a *adversary) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	status, text, header := a.answer()
	if status == http.StatusNoContent || status == http.StatusBadRequest {
		for _, line := range linesOf(body, r.Header.Get("Content-Encoding")) {
			a.said[line] = true
		}
	}
	for k, v := range header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(status)
	io.WriteString(w, text)
}

// linesOf finds the lines of a push by what they begin with.
func linesOf(body []byte, encoding string) (lines []string) {
	var streams []pushedStream
	if encoding == "gzip" {
		streams, _, _ = decodeJSONBody(body)
	} else {
		streams, _, _ = decodeBody(body)
	}
	for _, s := range streams {
		for _, e := range s.entries {
			lines = append(lines, e.line)
		}
	}
	return lines
}

func (a *adversary) answer() (int, string, map[string]string) {
	if a.rnd.IntN(3) == 0 {
		return http.StatusNoContent, "", nil
	}
	at := start.Add(time.Duration(a.rnd.IntN(20)) * 100 * time.Millisecond).UTC()
	sec := at.Format(time.RFC3339)
	n := a.rnd.IntN(12)
	bodies := []string{
		fmt.Sprintf("%d errors like: entry for stream '{a=\"}\"}' has timestamp too new: %s", n, sec),
		fmt.Sprintf("entry for stream '{}' has timestamp too old: %s, oldest acceptable timestamp is: %s; entry for stream '{}' has timestamp too new: %s", sec, sec, sec),
		fmt.Sprintf("%d errors like: max entry size '%d' bytes exceeded for stream '{}' while adding an entry with length '%d' bytes", n, a.rnd.IntN(9), a.rnd.IntN(20)),
		fmt.Sprintf("%d errors like: stream '{}' has structured metadata too large: '%d' bytes, limit: '%d' bytes. to increase it", n, a.rnd.IntN(100), a.rnd.IntN(90)),
		fmt.Sprintf("%d errors like: stream '{}' has too many structured metadata labels: '%d', limit: '%d' to increase it", n, a.rnd.IntN(9), a.rnd.IntN(9)),
		"stream '{}' includes structured metadata, but this feature is disallowed. Please to enable it",
		fmt.Sprintf("entry with timestamp %s ignored, reason: 'entry too far behind, entry timestamp is: x, oldest acceptable timestamp is: %s',\nuser 'x', total ignored: %d out of %d for stream: {}", at, sec, 1+n, 1+a.rnd.IntN(12)),
		fmt.Sprintf("entry with timestamp %s ignored, reason: 'Per stream rate limit exceeded',\n", at),
		"the moon", "", "couldn't parse labels", "-1 errors like: ", strings.Repeat("\xff\x00{\"", 40<<10), "ingestion blocked for user x", "no org id",
		tenantRate(a.rnd.IntN(2000), a.rnd.IntN(2000)), "received message larger than max", "compressed message size 5",
		"maximum active stream limit exceeded", "missing required labels '",
	}
	status := []int{200, 260, 302, 400, 400, 400, 400, 400, 400, 401, 404, 413, 422, 429, 429, 500, 500, 503, 599}[a.rnd.IntN(19)]
	header := map[string]string{"Retry-After": []string{"-1", "1e9", "99999999999999999999", "0", "Fri, 31 Dec 9999 23:59:59 GMT"}[a.rnd.IntN(5)]}
	return status, bodies[a.rnd.IntN(len(bodies))], header
}

// Whatever is answered, and whatever a Config says, each entry meets one fate, Write comes to an end, and none is called
// delivered that was in no request of which the answer said so.
func TestWhateverIsAnswered(t *testing.T) {
	for round := range 30 {
		seed := rand.Uint64()
		rnd := rand.New(rand.NewPCG(seed, 0))
		a := &adversary{rnd: rand.New(rand.NewPCG(seed, 1)), said: map[string]bool{}}
		server := httptest.NewServer(http.HandlerFunc(a.serve))
		var cfg Config
		s := newSink(t, server.URL, func(c *Config) { anyConfig(rnd, c); cfg = *c })
		for n := range 8 {
			b := anyBatch(rnd, fmt.Sprintf("%d.%d.", round, n))
			failed := map[int]bool{}
			for _, f := range failuresOf(t, s.Write(t.Context(), b), len(b.Entries)) {
				if f.Index < 0 || f.Index >= len(b.Entries) || failed[f.Index] || f.Err == nil {
					t.Fatalf("seed %d, %+v: failure %+v", seed, cfg, f)
				}
				failed[f.Index] = true
			}
			for i := range b.Entries {
				if line := string(b.Entries[i].Line); !failed[i] && !a.said[line] {
					t.Fatalf("seed %d, %+v: %q is called delivered", seed, cfg, line)
				}
			}
		}
		server.Close()
	}
}

func failuresOf(t *testing.T, err error, n int) (fs []sink.Failure) {
	t.Helper()
	if err == nil {
		return nil
	}
	if p, ok := err.(*sink.PartialError); ok {
		return p.Failures
	}
	for i := range n {
		fs = append(fs, sink.Failure{Index: i, Err: err})
	}
	return fs
}

func anyConfig(rnd *rand.Rand, c *Config) {
	maybe := func() bool { return rnd.IntN(3) == 0 }
	c.EncodeJSON, c.Packed, c.DropAttrs, c.Times.Distinct = maybe(), maybe(), maybe(), maybe()
	c.MaxRequest = []int{0, 1, 100, 1000}[rnd.IntN(4)]
	c.MaxLabels = []int{0, 1, 2}[rnd.IntN(3)]
	c.Times.TooOld, c.Times.TooNew = TimePolicy(rnd.IntN(3)), TimePolicy(rnd.IntN(3))
	c.Times.MaxAge = []time.Duration{0, 1, 1<<63 - 1}[rnd.IntN(3)]
	c.Times.MaxAhead = []time.Duration{0, 1, 1<<63 - 1}[rnd.IntN(3)]
	c.Times.MaxBehind = []time.Duration{0, 1, time.Second, 1<<63 - 1}[rnd.IntN(4)]
	if maybe() {
		c.TenantLabel = "pod"
	}
	if maybe() {
		c.StreamLabels = []string{"app"}
	}
	if maybe() {
		c.MaxLine = 1 + rnd.IntN(20)
	}
}

// anyBatch makes one whose lines are different, and mostly have times of their own.
func anyBatch(rnd *rand.Rand, name string) *batch.Batch {
	b := batch.New(nil, batch.Labels{})
	for i := range 1 + rnd.IntN(60) {
		at := start.Add(time.Duration(rnd.IntN(20)) * 100 * time.Millisecond)
		switch rnd.IntN(12) {
		case 0:
			at = time.Unix([]int64{0, -1 << 62, minSecond, maxSecond, 1 << 62}[rnd.IntN(5)], int64(rnd.IntN(1e9)))
		case 1:
			at = time.Time{}
		case 2:
			at = at.Add(time.Duration(rnd.IntN(2000)-1000) * time.Hour)
		}
		var attrs []batch.Attr
		for k := range rnd.IntN(3) * rnd.IntN(66) {
			attrs = append(attrs, batch.Attr{Key: fmt.Sprint(k), Value: "v"})
		}
		b.Append(at, fmt.Append(nil, name, i, strings.Repeat("x", rnd.IntN(12))), attrs...)
		b.Entries[i].Labels = batch.MustLabels("app", fmt.Sprint(rnd.IntN(3)), "pod", fmt.Sprint(rnd.IntN(3)), "zone", "z")
	}
	return b
}
