package lokitest

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
)

// forgetful returns the address of something in front of s that passes every request on and loses one answer of two.
func forgetful(t *testing.T, s *Server, seed uint64) (url string) {
	t.Helper()
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(seed, 7))
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has gone
		}
		to, err := http.NewRequestWithContext(r.Context(), r.Method, s.URL+r.URL.Path, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		to.Header = r.Header.Clone()
		status, answer, err := s.do(to)
		mu.Lock()
		lost := rnd.IntN(2) == 0
		mu.Unlock()
		if err != nil || lost {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		w.Write(answer)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

// foundBy returns what a query finds, by line.
func foundBy(t *testing.T, s *Server, selector string) map[string][]Entry {
	t.Helper()
	now := time.Now()
	streams, err := s.Query(t.Context(), selector, now.Add(-20*24*time.Hour), now.Add(2*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]Entry{}
	for _, st := range streams {
		for _, e := range st.Entries {
			found[e.Line] = append(found[e.Line], e)
		}
	}
	return found
}

// untimely makes a batch of entries all around what Loki accepts. Every third line comes twice at the same time.
func untimely(rnd *rand.Rand, l batch.Labels, round int) *batch.Batch {
	b := batch.New(nil, l)
	now := time.Now()
	for i := range 60 {
		off := []time.Duration{0, -30 * time.Minute, -2 * time.Hour, -3 * 24 * time.Hour, -9 * 24 * time.Hour, 5 * time.Minute, 3 * time.Hour}[rnd.IntN(7)]
		at := now.Add(off - time.Duration(rnd.Int64N(int64(time.Minute)))).Truncate(time.Microsecond)
		line := fmt.Appendf(nil, "round %d, line %d", round, i)
		b.Append(at, line)
		if i%3 == 0 {
			b.Append(at, line)
		}
	}
	return b
}

// The real Loki has every entry once, at a time it accepts and with the entry's own time, though it knows newer entries
// of the stream from somebody else, half of its answers are lost, it is killed in between, and its limits are narrower
// than what the sink was told.
func TestLokiTakesEveryTimeOnce(t *testing.T) {
	for name, limits := range map[string]string{
		"default limits": "",
		"narrow limits":  "reject_old_samples_max_age: 1d\ncreation_grace_period: 1m",
	} {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			rnd := rand.New(rand.NewPCG(seed, 8))
			s := Start(t, Limits("split_queries_by_interval: 0s\n"+limits))
			l := batch.MustLabels("proof", "times")
			somebody := newSink(t, loki.Config{URL: s.URL})
			other := batch.New(nil, l)
			other.Append(time.Now(), []byte("somebody else's"))
			if err := somebody.Write(t.Context(), other); err != nil {
				t.Fatal(err)
			}
			to := newSink(t, loki.Config{URL: forgetful(t, s, seed), MaxRequest: 2000,
				Times: loki.Times{TooOld: loki.Clamp, TooNew: loki.Clamp, Distinct: true}})
			own, many := map[string]time.Time{}, map[string]int{}
			for round := range 6 {
				b := untimely(rnd, l, round)
				for i := range b.Entries {
					own[string(b.Entries[i].Line)] = b.Entries[i].Time
					many[string(b.Entries[i].Line)]++
				}
				if round == 3 {
					s.Kill()
					s.Restart()
				}
				if err := sink.Retry(to, sink.RetryConfig{Min: time.Millisecond, Max: 20 * time.Millisecond}).Write(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			st := to.Stats()
			t.Logf("%d entries stored, %d of them clamped, in %d requests, %d without an answer", st.Entries, st.Clamped, st.Requests, st.Statuses[0])
			if st.Clamped == 0 || st.Statuses[0] == 0 {
				t.Error("nothing was clamped, or no answer lost")
			}
			found := foundBy(t, s, `{proof="times"}`)
			if len(found) != len(own)+1 {
				t.Errorf("%d different lines are stored, want %d", len(found), len(own)+1)
			}
			for line, n := range many {
				if got := found[line]; len(got) != n {
					t.Errorf("%s: %d entries of %v, stored %v", line, n, own[line], got)
				}
				for _, e := range found[line] {
					checkOwnTime(t, e, own[line])
				}
			}
		})
	}
}

// checkOwnTime checks that a stored entry says which its own time was.
func checkOwnTime(t *testing.T, e Entry, own time.Time) {
	t.Helper()
	text, clamped := e.Metadata["original_time"]
	if !clamped {
		if moved := e.Time.Sub(own); moved < 0 || moved > time.Microsecond {
			t.Errorf("%s: stored at %v, its own time is %v", e.Line, e.Time, own)
		}
		return
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err != nil || !at.Equal(own) {
		t.Errorf("%s: original_time %s, its own time is %v", e.Line, text, own)
	}
}

// The other policies: what is refused by the sink is what Loki would have refused, and neither is stored.
func TestLokiAndRefuseAgree(t *testing.T) {
	s := Start(t, Limits("split_queries_by_interval: 0s"))
	refused := map[string][]string{}
	for name, policy := range map[string]loki.TimePolicy{"keep": loki.Keep, "refuse": loki.Refuse} {
		rnd := rand.New(rand.NewPCG(1, 9)) // the same for both
		l := batch.MustLabels("proof", name)
		to := newSink(t, loki.Config{URL: s.URL, Times: loki.Times{TooOld: policy, TooNew: policy}})
		for round := range 3 {
			b := untimely(rnd, l, round)
			for i, err := range fatesOf(t, b, to.Write(t.Context(), b)) {
				line := string(b.Entries[i].Line)
				switch {
				case err == nil:
				case !sink.IsPermanent(err):
					t.Errorf("%s: %v", line, err)
				default:
					refused[name] = append(refused[name], line)
					if ours := strings.HasPrefix(err.Error(), "loki: time "); ours != (policy == loki.Refuse) {
						t.Errorf("%s: %v", line, err)
					}
				}
			}
		}
		found := foundBy(t, s, fmt.Sprintf(`{proof=%q}`, name))
		for _, line := range refused[name] {
			if len(found[line]) > 0 {
				t.Errorf("%s: refused, and stored: %v", line, found[line])
			}
		}
		t.Logf("%s: %d lines stored, %d refused, in %d requests", name, len(found), len(refused[name]), to.Stats().Requests)
	}
	if !slices.Equal(refused["keep"], refused["refuse"]) || len(refused["keep"]) == 0 {
		t.Errorf("Loki refuses %q, the sink %q", refused["keep"], slices.Collect(maps.Values(refused)))
	}
}
