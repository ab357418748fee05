package lokitest

import (
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
