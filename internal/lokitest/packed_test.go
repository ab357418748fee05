package lokitest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
)

// Of what a packed request may conceal, nothing is concealed that the sink can know of: with one writer, and nobody too
// fast, what is said to be delivered is stored, though every request has entries that Loki refuses.
func TestPackedRequests(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 6))
	p := prove(t, startProven(t, Tenants(map[string]string{"packed": ""})), "packed", func(c *loki.Config) { c.Packed = true })
	refused := 0
	for range 12 {
		b := batch.New(nil, batch.Labels{})
		for i := range 600 {
			at, line := p.next(), fmt.Append(nil, "entry ", i)
			switch rnd.IntN(60) {
			case 0:
				at = at.Add(-8 * 24 * time.Hour)
			case 1:
				at = at.Add(25 * time.Minute)
			case 2:
				at = at.Add(-90 * time.Minute)
			case 3:
				line = []byte(strings.Repeat("x", 257<<10))
			}
			b.Append(at, line)
			b.Entries[i].Labels = batch.MustLabels("proof", "packed", "n", fmt.Sprint(rnd.IntN(100)))
		}
		for i, err := range p.write(b) {
			if err == nil {
				continue
			}
			if refused++; !sink.IsPermanent(err) {
				t.Errorf("entry %d: %v is not permanent", i, err)
			}
		}
	}
	st := p.sink.Stats()
	t.Logf("%d entries stored, %d refused, in %d requests, %d of which repeated parts of others", st.Entries, refused, st.Requests, st.Resends)
	if st.Entries+int64(refused) != 12*600 || refused < 200 {
		t.Errorf("%d entries stored and %d refused of %d", st.Entries, refused, 12*600)
	}
	p.check()
}

// Where all is well, a hundred streams share a request.
func TestPackedRequestsAreFew(t *testing.T) {
	p := prove(t, startProven(t, Tenants(map[string]string{"packed": ""})), "packed", func(c *loki.Config) { c.Packed = true })
	for range 3 {
		b := batch.New(nil, batch.Labels{})
		for i := range 5200 {
			b.Append(p.next(), fmt.Appendf(nil, "entry %d %0150d", i, i))
			b.Entries[i].Labels = batch.MustLabels("proof", "packed", "n", fmt.Sprint(i%100))
		}
		for i, err := range p.write(b) {
			if err != nil {
				t.Fatalf("entry %d: %v", i, err)
			}
		}
	}
	if n := p.sink.Stats().Requests; n != 3 {
		t.Errorf("%d requests", n)
	}
	p.check()
}

// A stream that several label sets have in common is reported truly in packed mode. Sent in one request, as its parts
// were once, the second of them was gone and the answer 204, because of the third stream.
func TestPackedStreamInCommon(t *testing.T) {
	s := Start(t)
	to := newSink(t, loki.Config{URL: s.URL, Packed: true, StreamLabels: []string{"app"}})
	now := time.Now()
	write := func(hours ...float64) []error {
		b := batch.New(nil, batch.Labels{})
		for i, h := range hours {
			b.Append(now.Add(-time.Duration(h*float64(time.Hour))), fmt.Append(nil, hours, i))
			b.Entries[i].Labels = batch.MustLabels("app", "common", "pod", fmt.Sprint(i))
			if i == 2 {
				b.Entries[i].Labels = batch.MustLabels("app", "another")
			}
		}
		errs := make([]error, len(hours))
		if p, ok := errors.AsType[*sink.PartialError](to.Write(t.Context(), b)); ok {
			for _, f := range p.Failures {
				errs[f.Index] = f.Err
			}
		}
		return errs
	}
	errs := append(write(1), write(0.5, 2.9, 0.1)...)
	delivered := 0
	for _, err := range errs {
		if err == nil {
			delivered++
		}
	}
	streams, err := s.Query(t.Context(), `{app=~".+"}`, now.Add(-4*time.Hour), now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if got := countEntries(streams); got != delivered || delivered != 3 {
		t.Errorf("%d entries are stored, %d are said to be, want 3: %v", got, delivered, errs)
	}
}
