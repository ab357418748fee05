package loki

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// history is a source of streams that get a line every so often, whether anybody reads it or not, as files do. Each line
// has the time at which it came.
type history struct {
	streams, lines int
	began          time.Time
	every          time.Duration
}

func (h history) Run(ctx context.Context, out *source.Outlet) error {
	var all sync.WaitGroup
	errs := make([]error, h.streams)
	for k := range h.streams {
		all.Go(func() { errs[k] = h.stream(ctx, out, k) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (h history) stream(ctx context.Context, out *source.Outlet, k int) error {
	st, err := out.Open(ctx, strconv.Itoa(k), numberedStream(k))
	if err != nil {
		return err
	}
	for at := 0; at < h.lines; {
		select {
		case <-time.After(time.Until(h.at(at))):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		b := st.NewBatch()
		for ; at < h.lines && !h.at(at).After(time.Now()) && len(b.Entries) < 500; at++ {
			b.Append(h.at(at), fmt.Appendf(nil, "line %d", at))
		}
		if err := st.Send(ctx, b, strconv.Itoa(at)); err != nil {
			return err
		}
	}
	return nil
}

func (h history) at(line int) time.Time { return h.began.Add(time.Duration(line) * h.every) }

// A strictLoki refuses what is too old, and what is more than an hour behind the newest line of its stream.
type strictLoki struct {
	v *vault

	mu      sync.Mutex
	streams map[string]*model
	refused int
}

// serve does what Loki does, for as long as connections hold.
func (l *strictLoki) serve(p *peer) {
	for {
		streams, err := p.push()
		if err != nil {
			return
		}
		if body := l.take(streams); body != "" {
			p.say(answerOf(http.StatusBadRequest, body))
			continue
		}
		p.say(answer204)
	}
}

// take stores what is good, and returns the body of a 400.
func (l *strictLoki) take(streams []pushedStream) (body string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range streams {
		m := l.streams[s.labels]
		if m == nil {
			m = newModel(s.labels)
			l.streams[s.labels] = m
		}
		m.now = time.Now()
		if body = m.push(s.entries); body != "" {
			l.refused++
			return body
		}
	}
	l.v.store(streams)
	return ""
}

const recoveryTime = 20 * time.Minute

// An outage is what a server does instead of what it should.
type outage struct {
	name string
	dial func(lots *rand.Rand) bool // it cannot be reached
	// serve is given every connection that begins during the outage.
	serve func(lots *rand.Rand, p *peer, l *strictLoki)
}

var outages = []outage{
	{"nobody there", func(*rand.Rand) bool { return true }, func(*rand.Rand, *peer, *strictLoki) {}},
	{"nothing goes well", func(lots *rand.Rand) bool { return lots.IntN(3) == 0 }, func(lots *rand.Rand, p *peer, _ *strictLoki) {
		switch k := lots.IntN(len(moods) + len(breakages) + len(stalls)); {
		case k < len(moods):
			if _, err := p.push(); err == nil && moods[k].body != grpcSize {
				p.say(answerOf(moods[k].status, moods[k].body))
			}
		case k < len(moods)+len(breakages):
			_ = breakages[k-len(moods)].do(p, newVault())
		default:
			if st := stalls[k-len(moods)-len(breakages)]; st.stall != nil {
				st.stall(p, newVault())
			}
		}
	}},
	recovery,
}

// recovery follows every outage, so that what has piled up is not sent at one go. What is stored is not acknowledged,
// or only after many a request that is not.
var recovery = outage{
	"it comes and goes", func(lots *rand.Rand) bool { return lots.IntN(5) == 0 }, func(lots *rand.Rand, p *peer, l *strictLoki) {
		for range lots.IntN(3) {
			streams, err := p.push()
			if err != nil || l.take(streams) != "" {
				return
			}
			p.say(answer204)
		}
		streams, err := p.push()
		if err == nil && lots.IntN(2) == 0 {
			l.take(streams)
		}
	},
}

// After an outage of three hours, every line of every stream is there: none was let past an older one that waited, which
// Loki would have refused for being an hour behind.
func TestOutageOfThreeHours(t *testing.T) {
	for _, o := range outages {
		for _, budget := range []int{8 << 10, 32 << 20} {
			t.Run(fmt.Sprintf("%s/%d bytes in flight", o.name, budget), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { o.outlast(t, budget) })
			})
		}
	}
}

func (o outage) outlast(t *testing.T, budget int) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	h := history{streams: 5, lines: 450, began: time.Now(), every: 37 * time.Second} // more than 4.5 hours
	from, to := h.began.Add(31*time.Minute), h.began.Add(31*time.Minute+3*time.Hour)
	loki := &strictLoki{v: newVault(), streams: map[string]*model{}}
	ps := o.network(seed, loki, from, to)
	// Small requests, so that a batch takes many.
	s := ps.sink(t, "http://127.0.0.1", nil, func(c *Config) { c.MaxRequest = 400 })
	letters := sink.Func(func(_ context.Context, b *batch.Batch) error {
		t.Errorf("%d dead letters, the first is %q of %v: %v", len(b.Entries), b.Entries[0].Line, b.LabelsOf(0), b.Entries[0].Attrs)
		return nil
	})
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"history": h}, MaxInFlightBytes: budget, CloseTimeout: time.Hour,
		Routes: []pipeline.Route{{Name: "loki", Sink: patient(s), DeadLetter: letters}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var run sync.WaitGroup
	run.Go(func() {
		if err := p.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
	time.Sleep(time.Until(to) - time.Second)
	before := p.Stats().Sources["history"]
	run.Wait()
	lineSource{streams: h.streams, lines: h.lines}.complete(t, loki.v)
	after := p.Stats().Sources["history"]
	if after.Delivered != int64(h.streams*h.lines) || loki.refused > 0 {
		t.Errorf("%+v; %d requests were refused", after, loki.refused)
	}
	if o.name != "it comes and goes" && before.Delivered > int64(h.streams)*int64(1+from.Sub(h.began)/h.every) {
		t.Errorf("there was no outage: %d lines were delivered", before.Delivered)
	}
	_, repeated := loki.v.size()
	t.Logf("%d connections, %d lines were sent again, %d were read by the end of the outage; %v", ps.n, repeated, before.Read, s.Stats().Statuses)
	ps.served.Wait()
}

// network is down in some way from one time to the other.
func (o outage) network(seed uint64, loki *strictLoki, from, to time.Time) *pipes {
	var mu sync.Mutex
	lots := rand.New(rand.NewPCG(seed, 1))
	// now returns what there is instead of a server, if anything, and its lots.
	now := func() (*outage, *rand.Rand) {
		mu.Lock()
		defer mu.Unlock()
		own := rand.New(rand.NewPCG(lots.Uint64(), 1))
		switch at := time.Now(); {
		case at.Before(from) || at.After(to.Add(recoveryTime)):
			return nil, nil
		case at.Before(to):
			return &o, own
		}
		return &recovery, own
	}
	return &pipes{
		await: func(context.Context, int) error {
			if down, own := now(); down != nil && down.dial(own) {
				return errors.New("connection refused")
			}
			return nil
		},
		serve: func(_ int, p *peer) {
			if down, own := now(); down != nil {
				down.serve(own, p, loki)
				return
			}
			if wait := time.Until(from); wait > 0 {
				// A connection that is good when the outage begins ends with it.
				timer := time.AfterFunc(wait, func() { p.raw.Close() })
				defer timer.Stop()
			}
			loki.serve(p)
		},
	}
}

// The server of these tests does refuse a line that was overtaken.
func TestStrictLokiIsStrict(t *testing.T) {
	loki := &strictLoki{v: newVault(), streams: map[string]*model{}}
	s := newSink(t, peerServer(t, func(_ int, p *peer) { loki.serve(p) }))
	if err := s.Write(t.Context(), newBatch(shop, "now")); err != nil {
		t.Error(err)
	}
	late := batch.New(nil, shop)
	late.Append(start.Add(-2*time.Hour), []byte("long ago"))
	if err := s.Write(t.Context(), late); classOf(err) != permanent || loki.refused != 1 {
		t.Errorf("%d requests were refused; %v", loki.refused, err)
	}
}
