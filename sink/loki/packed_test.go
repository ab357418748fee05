package loki

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

func packed(c *Config) { c.Packed = true }

// spread makes a batch whose entries, a millisecond apart, belong to one stream after the other.
func spread(streams, entries int, line string) *batch.Batch {
	b := batch.New(nil, batch.Labels{})
	for i := range streams * entries {
		b.Append(start.Add(time.Duration(i)*time.Millisecond), fmt.Appendf(nil, "%d %s", i, line))
		b.Entries[i].Labels = batch.MustLabels("app", fmt.Sprint(i%streams))
	}
	return b
}

// Many streams share a request, each of them in order, and no request is larger than it may be.
func TestPacked(t *testing.T) {
	for name, c := range map[string]struct {
		line         string
		fewest, most int // requests
	}{
		"one request": {"x", 1, 1},
		"several":     {strings.Repeat("x", 3000), 3, 4},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.packed = true
			s := newSink(t, f.URL, packed)
			b := spread(100, 10, c.line)
			if err := s.Write(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			pushes := f.all()
			if len(pushes) < c.fewest || len(pushes) > c.most {
				t.Errorf("%d requests", len(pushes))
			}
			for _, p := range pushes {
				if p.raw > defaultMaxRequest {
					t.Errorf("a request of %d bytes", p.raw)
				}
			}
			checkStored(t, f, b)
			if got := s.Stats(); got.Entries != 1000 || s.PerStream() {
				t.Errorf("%+v", got)
			}
		})
	}
}

// checkStored checks that the fake has the entries of b, those of each stream in order.
func checkStored(t *testing.T, f *fakeLoki, b *batch.Batch) {
	t.Helper()
	got, want := map[batch.Labels][]string{}, map[batch.Labels][]string{}
	for _, e := range f.entries() {
		got[e.Labels] = append(got[e.Labels], string(e.Line))
	}
	for i, e := range b.Entries {
		want[b.LabelsOf(i)] = append(want[b.LabelsOf(i)], string(e.Line))
	}
	if len(got) != len(want) {
		t.Fatalf("%d streams are stored, want %d", len(got), len(want))
	}
	for l := range want {
		if !slices.Equal(got[l], want[l]) {
			t.Fatalf("of %v is stored %.200q, want %.200q", l, got[l], want[l])
		}
	}
}

// A maskingLoki takes packed requests as Loki does: the ingester answers with what the last stream came to, whatever
// became of those before it, or with what the distributor says, if that last one is stored.
type maskingLoki struct {
	mu      sync.Mutex
	streams map[string]*model
	refuse  func(stream string, es []pushedEntry) string // answers 429
}

func newMasking(t *testing.T) (*fakeLoki, *maskingLoki) {
	f, m := newFake(t), &maskingLoki{streams: map[string]*model{}}
	f.packed = true
	f.answer = func(_ int, p push, w http.ResponseWriter, _ *http.Request) bool {
		status, body := m.push(append([]pushedStream{p.pushedStream}, p.others...))
		if body != "" {
			http.Error(w, body, status)
			return true
		}
		return false
	}
	return f, m
}

func (m *maskingLoki) push(streams []pushedStream) (status int, body string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var said string
	for _, s := range streams {
		model := m.stream(s.labels)
		came, says := model.validate(s.entries)
		if says != "" {
			said = says
		}
		status, body = http.StatusBadRequest, ""
		if m.refuse != nil {
			body = m.refuse(s.labels, came)
		}
		if body != "" {
			status = http.StatusTooManyRequests
		} else {
			body = model.ingest(came)
		}
	}
	if body == "" {
		return http.StatusBadRequest, said
	}
	return status, body
}

func (m *maskingLoki) stream(labels string) *model {
	if m.streams[labels] == nil {
		one := newModel(labels)
		one.now, one.maxLine, one.maxMeta, one.maxMetaSize = time.Now(), 500, 10, 1000
		m.streams[labels] = one
	}
	return m.streams[labels]
}

func (m *maskingLoki) has(l batch.Labels, e *batch.Entry) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	model := m.stream(l.String())
	return model.stored[model.key(pushedEntry{time: e.Time.UTC(), line: string(e.Line)})]
}

// The masking that is known of does not happen to whom it is known of: what is too far behind, as far as this sink can
// tell, goes alone, and an answer that may conceal something is asked for again, stream by stream.
func TestPackedTellsTheTruth(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 4))
	for range 60 {
		f, m := newMasking(t)
		s := newSink(t, f.URL, packed)
		for range 10 {
			b := spread(1+rnd.IntN(20), 1+rnd.IntN(20), "x")
			for i := range b.Entries {
				e := &b.Entries[i]
				switch rnd.IntN(40) {
				case 0:
					e.Time = e.Time.Add(-8 * 24 * time.Hour)
				case 1:
					e.Time = e.Time.Add(20 * time.Minute)
				case 2:
					e.Line = []byte(strings.Repeat("x", 501))
				case 3:
					e.Time = e.Time.Add(-2 * time.Hour)
				}
				e.Time = e.Time.Add(time.Duration(rnd.IntN(1e9)))
			}
			for i, err := range deliverAll(t, s, b) {
				if stored := m.has(b.LabelsOf(i), &b.Entries[i]); stored == (err != nil) {
					t.Fatalf("entry %d of %d of %v at %v is stored: %v, but Write says %v",
						i, len(b.Entries), b.LabelsOf(i), b.Entries[i].Time, stored, err)
				}
			}
		}
		s.Close(t.Context())
		f.Close()
	}
}

// A refusal of one stream does not hold the others up, wherever it is in the request, unless it is concealed.
func TestPackedRefusalOfOneStream(t *testing.T) {
	f, m := newMasking(t)
	m.refuse = func(stream string, _ []pushedEntry) string {
		if stream == `{app="9"}` {
			return "entry with timestamp 2026-01-02 03:04:05 +0000 UTC ignored, reason: 'Per stream rate limit exceeded (limit: 3MB/sec)', "
		}
		return ""
	}
	s := newSink(t, f.URL, packed)
	b := spread(10, 3, "x")
	err := s.Write(t.Context(), b)
	if got := failedIndices(t, err, 30); !slices.Equal(got, []int{9, 19, 29}) {
		t.Errorf("failed %v: %v", got, err)
	}
	p, _ := errors.AsType[*sink.PartialError](err)
	if _, wait := sink.After(p.Failures[0].Err); !wait {
		t.Errorf("%v", p.Failures[0].Err)
	}
	if n := s.Stats().Resends; n != 10 {
		t.Errorf("%d requests were repeated, want one per stream", n)
	}
}

// A request that is larger than what the tenant may send in a second gets through stream by stream.
func TestPackedAboveTheBurst(t *testing.T) {
	f := newFake(t)
	f.packed = true
	const limit = 5000
	f.answer = func(_ int, p push, w http.ResponseWriter, _ *http.Request) bool {
		if p.raw <= limit {
			return false
		}
		fixedAnswer{http.StatusTooManyRequests, tenantRate(p.raw, limit), nil}.give(w)
		return true
	}
	s := newSink(t, f.URL, packed)
	b := spread(10, 3, strings.Repeat("x", 1000))
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	checkStored(t, f, b)
	if st := s.Stats(); st.Resends != 10 || st.Requests != 11 {
		t.Errorf("%+v", st)
	}
}

// A stream that fills a good part of a request, or has been fast of late, goes alone.
func TestPackedFastStream(t *testing.T) {
	f := newFake(t)
	f.packed = true
	s := newSink(t, f.URL, packed)
	streamsOf := func(p push) int { return 1 + len(p.others) }
	big := spread(3, 1, "x")
	big.Entries[1].Line = make([]byte, defaultMaxLine)
	big.Append(start, make([]byte, defaultMaxLine))
	big.Entries[3].Labels = big.Entries[1].Labels
	if err := s.Write(t.Context(), big); err != nil {
		t.Fatal(err)
	}
	if got := f.all(); len(got) != 3 {
		t.Errorf("%d requests: the big one is not alone", len(got))
	}
	s.mappings.of(big.Entries[0].Labels).stream.pace.add(100<<20, time.Now())
	before := len(f.all())
	if err := s.Write(t.Context(), spread(3, 1, "y")); err != nil {
		t.Fatal(err)
	}
	got := f.all()[before:]
	if len(got) != 2 || streamsOf(got[0]) != 1 || streamsOf(got[1]) != 2 {
		t.Errorf("%d requests, the first of %d streams", len(got), streamsOf(got[0]))
	}
}

// Who is never told to be fast stays below what Loki allows a stream, 3 MB/s with bursts of 15 MB.
func TestPace(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 5))
	slow, quick := 0, 0
	for range 200 {
		var p pace
		at, level, last := start, 0.0, start
		for range 500 {
			at = at.Add(time.Duration(rnd.IntN(500)) * time.Millisecond)
			n := rnd.IntN(1 << uint(10+rnd.IntN(12)))
			if p.add(n, at); p.fast(at) {
				quick++
				continue
			}
			slow++
			level = max(level-at.Sub(last).Seconds()*3e6, 0) + float64(n)
			if last = at; level > 15e6 {
				t.Fatalf("%v bytes are ahead", level)
			}
		}
		if p.divided(at.Add(time.Minute)) {
			t.Fatal("fast after a minute of silence")
		}
		p.add(paceBurst, at.Add(-time.Hour))
		if p.fast(at) {
			t.Fatal("fast because the clock was set back")
		}
	}
	if slow < 1000 || quick < 1000 {
		t.Errorf("%d slow and %d fast: the test tests little", slow, quick)
	}
}
