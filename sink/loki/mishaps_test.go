package loki

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A moody is a server that does the wrong thing more often than the right one, by lot, until it has done so often
// enough.
type moody struct {
	v      *vault
	stalls []stall // those among the mishaps

	mu     sync.Mutex
	lots   *rand.Rand
	left   int            // mishaps to come
	counts map[string]int // by what happened
}

func newMoody(seed uint64, mishaps int) *moody {
	v := newVault()
	v.maxLine = badLine - 1
	return &moody{v: v, lots: rand.New(rand.NewPCG(seed, 1)), left: mishaps, counts: map[string]int{}}
}

// lot returns a number below n, and whether there is to be a mishap.
func (m *moody) lot(n int) (k int, mishap bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == 0 || m.lots.IntN(8) == 0 {
		return 0, false
	}
	m.left--
	return m.lots.IntN(n), true
}

func (m *moody) note(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[what]++
}

// serve takes requests off one connection until one of them breaks it.
func (m *moody) serve(p *peer) {
	kinds := len(breakages)*len(endings) + len(m.stalls) + 2*len(moods)
	for {
		// The next request may not come at all.
		if _, err := p.in.Peek(1); err != nil {
			return
		}
		k, mishap := m.lot(kinds)
		if !mishap {
			if !m.answer(p) {
				return
			}
			continue
		}
		if k < len(breakages)*len(endings) {
			b, e := breakages[k%len(breakages)], endings[k/len(breakages)]
			m.note(b.name)
			if b.do(p, m.v) == nil {
				e.end(p)
			}
			return
		}
		if k -= len(breakages) * len(endings); k < len(m.stalls) {
			m.note("stall " + m.stalls[k].name)
			m.stalls[k].stall(p, m.v)
			return
		}
		k -= len(m.stalls)
		mood := moods[k/2]
		m.note(strconv.Itoa(mood.status))
		streams, err := p.push()
		if err != nil {
			return
		}
		if mood.body == grpcSize && len(streams[0].entries) == 1 {
			// Of a single entry this is the truth, and the end.
			mood.body = "empty ring"
		}
		p.say(answerOf(mood.status, mood.body))
		if k%2 == 1 {
			p.reset()
			return
		}
	}
}

const grpcSize = "rpc error: code = ResourceExhausted desc = grpc: received message larger than max (6282765 vs. 4194304)"

// moods are answers that mean that nothing is stored, and nothing is wrong with an entry.
var moods = []fixedAnswer{
	{http.StatusInternalServerError, "empty ring", nil},
	{http.StatusInternalServerError, grpcSize, nil},
	{http.StatusBadGateway, "<html>bad gateway</html>", nil},
	{http.StatusServiceUnavailable, "", nil},
	{http.StatusTooManyRequests, tenantRate(100, 1000), nil},
	{http.StatusTooManyRequests, "maximum active stream limit exceeded when trying to create stream", nil},
	{http.StatusUnauthorized, "no org id", nil},
	{http.StatusNotFound, "404 page not found", nil},
	{http.StatusOK, "<html>welcome</html>", nil},
	{260, "ingestion blocked for user fake", nil},
	{http.StatusBadRequest, "<html>bad request</html>", nil},
}

// answer does what a healthy Loki does.
func (m *moody) answer(p *peer) bool {
	streams, err := p.push()
	if err != nil {
		return false
	}
	m.note("well")
	if m.v.store(streams) == 0 {
		p.say(answer204)
		return true
	}
	p.say(answerOf(http.StatusBadRequest, fmt.Sprintf("max entry size '%d' bytes exceeded for stream '%s' while adding an entry with length '%d' bytes\n",
		badLine-1, streams[0].labels, badLine)))
	return true
}

// small requests make several of a batch.
func small(c *Config) { c.MaxRequest = 1500 }

// badLine is the length of lines that are refused.
const badLine = 300

// mixed makes a batch of lines that differ from all others, some of which are refused.
func mixed(lots *rand.Rand, l batch.Labels, id int) *batch.Batch {
	b := batch.New(nil, l)
	for i := range 1 + lots.IntN(30) {
		line := fmt.Sprintf("line %d of %d", i, id)
		if lots.IntN(20) == 0 {
			line = fmt.Sprintf("bad %-*s", badLine-4, line)
		}
		b.Append(start.Add(time.Duration(id)*time.Second+time.Duration(i)), []byte(line))
	}
	return b
}

// check fails the test unless what err says of b is true: what is said to be delivered is there, and what is said to be
// refused was, and is not there.
func (m *moody) check(t *testing.T, b *batch.Batch, err error) {
	t.Helper()
	m.v.believe(t, b, err)
	p, ok := errors.AsType[*sink.PartialError](err)
	if !ok {
		if sink.IsPermanent(err) {
			m.checkRefused(t, b, 0, len(b.Entries), err)
		}
		return
	}
	for _, f := range p.Failures {
		if sink.IsPermanent(f.Err) {
			m.checkRefused(t, b, f.Index, f.Index+1, f.Err)
		}
	}
}

func (m *moody) checkRefused(t *testing.T, b *batch.Batch, from, to int, err error) {
	t.Helper()
	for i := from; i < to; i++ {
		e := &b.Entries[i]
		if !m.v.hasRefused(e, b.LabelsOf(i)) || m.v.has(e, b.LabelsOf(i)) {
			t.Errorf("entry %d is said to be refused, and was not: %.80s: %v", i, e.Line, err)
		}
	}
}

// all fails the test unless every good entry of b is kept, and every bad one was refused.
func (m *moody) all(t *testing.T, b *batch.Batch, err error) {
	t.Helper()
	m.check(t, b, err)
	failed := failedIndices(t, err, len(b.Entries))
	bad := 0
	for i := range b.Entries {
		if len(b.Entries[i].Line) == badLine {
			bad++
		} else if !m.v.has(&b.Entries[i], b.LabelsOf(i)) {
			t.Errorf("lost: %.80s", b.Entries[i].Line)
		}
	}
	if len(failed) != bad {
		t.Errorf("%d entries are said to have failed, want %d: %v", len(failed), bad, err)
	}
}

// writers has several streams write at the same time, every one its batches in order, until m has run out of mishaps.
// Every other batch is written by write until all is told; the others go through Retry.
func (m *moody) writers(t *testing.T, s *Sink, seed uint64) {
	again := quick(s)
	var all sync.WaitGroup
	for k := range 4 {
		l := batch.MustLabels("stream", strconv.Itoa(k))
		lots := rand.New(rand.NewPCG(seed, uint64(k)))
		all.Go(func() {
			var want []string
			for id := 0; m.more(); id++ {
				b := mixed(lots, l, id)
				if id%2 == 0 {
					m.all(t, b, again.Write(t.Context(), b))
				} else {
					m.bare(t, s, b)
				}
				for i := range b.Entries {
					if line := string(b.Entries[i].Line); len(line) < badLine {
						want = append(want, line)
					}
				}
			}
			if !slices.Equal(m.v.lines(l), want) {
				t.Errorf("stream %d is not kept in order", k)
			}
		})
	}
	all.Wait()
}

// bare writes b again and again and looks at every verdict.
func (m *moody) bare(t *testing.T, s *Sink, b *batch.Batch) {
	d := sink.RetryConfig{}.Begin(b)
	for open := true; open; {
		now := d.Batch()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := s.Write(ctx, now)
		cancel()
		m.check(t, now, err)
		_, open = d.Done(err)
	}
	m.all(t, b, d.Err())
}

func (m *moody) more() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.left > 0
}

// report fails the test if not much has happened.
func (m *moody) report(t *testing.T, s *Sink, mishaps int) {
	entries, repeated := m.v.size()
	t.Logf("%d mishaps, %d entries, %d of them came again, %d refused; %v", mishaps, entries, repeated, len(m.v.refused), s.Stats().Statuses)
	if m.counts["well"] < mishaps/20 || len(m.counts) < 20 || repeated == 0 {
		t.Errorf("too little has happened: %v", m.counts)
	}
}

// A thousand mishaps, stalls among them, in memory: every verdict is true, and in the end all is there, once.
func TestThousandMishaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const mishaps = 1000
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		m := newMoody(seed, mishaps)
		for _, st := range stalls {
			if !st.dial && !st.tls {
				m.stalls = append(m.stalls, st)
			}
		}
		ps := &pipes{serve: func(_ int, p *peer) { m.serve(p) }}
		s := ps.sink(t, "http://127.0.0.1", nil, small)
		m.writers(t, s, seed)
		m.report(t, s, mishaps)
		closeInTime(t, s)
		ps.served.Wait()
	})
}

// So it goes over TCP, where a connection can be reset, and where nobody has the time for stalls.
func TestThousandMishapsOverTCP(t *testing.T) {
	const mishaps = 1000
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	m := newMoody(seed, mishaps)
	url := peerServer(t, func(_ int, p *peer) { m.serve(p) })
	s := newSink(t, url, small)
	m.writers(t, s, seed)
	m.report(t, s, mishaps)
	closeInTime(t, s)
}
