package loki

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A model is the part of Loki that refuses entries, after pkg/distributor/validator.go and pkg/ingester/stream.go.
type model struct {
	now                  time.Time
	oldest, newest       time.Duration // before and after now
	maxLine              int
	maxMeta, maxMetaSize int
	window               time.Duration // how far behind its newest entry a stream may be
	anyText              bool          // refusals are in words nobody knows: more than those may be given up

	labels  string // as Loki prints them, hostile ones too
	highest time.Time
	stored  map[string]bool // by time and line
	dropped map[string]bool
}

// newModel returns one with Loki's own limits, at the time start.
func newModel(labels string) *model {
	return &model{
		now: start, oldest: defaultMaxAge, newest: defaultMaxAhead, window: defaultMaxBehind,
		maxLine: defaultMaxLine, maxMeta: maxAttrs, maxMetaSize: maxAttrsBytes,
		labels: labels, stored: map[string]bool{}, dropped: map[string]bool{},
	}
}

// newNarrowModel returns one that refuses a lot.
func newNarrowModel(labels string) *model {
	m := newModel(labels)
	m.oldest, m.maxLine, m.maxMeta, m.maxMetaSize = time.Hour, 50, 3, 100
	return m
}

// answerAs has f answer as the model does that m points to at the time.
func (f *fakeLoki) answerAs(m **model) {
	f.answer = func(_ int, p push, w http.ResponseWriter, _ *http.Request) bool {
		if body := (*m).push(p.entries); body != "" {
			http.Error(w, body, http.StatusBadRequest)
			return true
		}
		return false
	}
}

func (m *model) key(e pushedEntry) string { return e.time.String() + " " + e.line }

// check returns what the distributor says against an entry.
func (m *model) check(e pushedEntry) string {
	second := e.time.Format(time.RFC3339)
	size := 0
	for _, a := range e.metadata {
		size += len(a.Key) + len(a.Value)
	}
	switch {
	case e.time.Before(m.now.Add(-m.oldest)):
		return fmt.Sprintf("entry for stream '%s' has timestamp too old: %v, oldest acceptable timestamp is: %v",
			m.labels, second, m.now.Add(-m.oldest).Format(time.RFC3339))
	case e.time.After(m.now.Add(m.newest)):
		return fmt.Sprintf("entry for stream '%s' has timestamp too new: %v", m.labels, second)
	case len(e.line) > m.maxLine:
		return fmt.Sprintf("max entry size '%d' bytes exceeded for stream '%s' while adding an entry with length '%d' bytes",
			m.maxLine, m.labels, len(e.line))
	case size > m.maxMetaSize:
		return fmt.Sprintf("stream '%s' has structured metadata too large: '%d' bytes, limit: '%d' bytes. Please see `limits_config.max_structured_metadata_size` or contact your Loki administrator to increase it",
			m.labels, size, m.maxMetaSize)
	case len(e.metadata) > m.maxMeta:
		return fmt.Sprintf("stream '%s' has too many structured metadata labels: '%d', limit: '%d'. Please see `limits_config.max_structured_metadata_entries_count` or contact your Loki administrator to increase it",
			m.labels, len(e.metadata), m.maxMeta)
	}
	return ""
}

// push stores what is good and returns the body of a 400, "" if all of it was.
func (m *model) push(es []pushedEntry) string {
	came, says := m.validate(es)
	if text := m.ingest(came); text != "" {
		return text
	}
	return says
}

// validate returns the entries that the distributor passes on, and what it says about the others.
func (m *model) validate(es []pushedEntry) (came []pushedEntry, body string) {
	says := map[string]int{}
	for _, e := range es {
		if text := m.check(e); text != "" {
			says[text]++
			m.dropped[m.key(e)] = true
			continue
		}
		came = append(came, e)
	}
	return came, m.grouped(says)
}

// grouped is the text for refusals, each of which says holds the number of.
func (m *model) grouped(says map[string]int) string {
	if len(says) == 0 {
		return ""
	}
	if m.anyText {
		return "something is wrong"
	}
	var groups []string
	for text, n := range says { // in any order, as in Loki
		if len(says) > 1 || n > 1 {
			text = fmt.Sprintf("%d errors like: %s", n, text)
		}
		groups = append(groups, text)
	}
	return strings.Join(groups, "; ")
}

func (m *model) ingest(es []pushedEntry) string {
	var list strings.Builder
	total := 0
	for _, e := range es {
		cutoff := m.highest.Add(-m.window)
		if !m.highest.IsZero() && cutoff.After(e.time) {
			total++
			// Stored before it fell behind, it is stored all the same.
			if !m.stored[m.key(e)] {
				m.dropped[m.key(e)] = true
			}
			if total <= 10 {
				fmt.Fprintf(&list, "entry with timestamp %s ignored, reason: 'entry too far behind, entry timestamp is: %s, oldest acceptable timestamp is: %s',\n",
					e.time.String(), e.time.Format(time.RFC3339), cutoff.Format(time.RFC3339))
			}
			continue
		}
		m.stored[m.key(e)] = true
		if e.time.After(m.highest) {
			m.highest = e.time
		}
	}
	if total == 0 {
		return ""
	}
	if m.anyText {
		return "something is wrong"
	}
	return fmt.Sprintf("%suser 'fake', total ignored: %d out of %d for stream: %s", list.String(), total, len(es), m.labels)
}

// Against the model, exactly the entries that are not stored are permanent failures, whatever the mixture.
func TestRefusalsAreAttributed(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	f := newFake(t)
	var m *model
	f.answerAs(&m)
	s := newSink(t, f.URL, func(c *Config) { c.Times.MaxBehind = 30 * time.Minute })
	hostile := batch.MustLabels("app", `x"} has '; 3 errors like: entry for stream '{}'`, "msg", "\n', total ignored: 1 out of 1")
	for round := range 120 {
		m = newNarrowModel(hostile.String())
		m.anyText = round%10 == 9
		if round%4 == 1 {
			m.oldest, m.window = 24*time.Hour, 30*time.Minute
			m.highest = start
		}
		b := randomBatch(rnd, hostile, round%3 == 0)
		err := deliverAll(t, s, b)
		for i := range b.Entries {
			e := b.Entries[i]
			key := m.key(pushedEntry{time: e.Time.UTC(), line: string(e.Line)})
			switch failed := err[i] != nil; {
			case failed && !sink.IsPermanent(err[i]):
				t.Fatalf("round %d: entry %d: %v is not permanent", round, i, err[i])
			case !failed && !m.stored[key]:
				t.Fatalf("round %d: entry %d is lost", round, i)
			case failed && m.stored[key] && !m.anyText:
				t.Fatalf("round %d: entry %d is stored, but said to be refused: %v", round, i, err[i])
			}
		}
	}
}

// deliverAll writes b until nothing is worth a retry, and returns the permanent error of every entry.
func deliverAll(t *testing.T, s *Sink, b *batch.Batch) []error {
	t.Helper()
	errs := make([]error, len(b.Entries))
	idx := make([]int32, len(b.Entries))
	for i := range idx {
		idx[i] = int32(i)
	}
	for range 100 {
		err := s.Write(t.Context(), b.Subset(idx))
		var again []int32
		p, ok := errors.AsType[*sink.PartialError](err)
		if !ok && err != nil {
			p = &sink.PartialError{}
			for k := range idx {
				p.Failures = append(p.Failures, sink.Failure{Index: k, Err: err})
			}
		}
		if p != nil {
			for _, f := range p.Failures {
				if sink.IsPermanent(f.Err) {
					errs[idx[f.Index]] = f.Err
				} else {
					again = append(again, idx[f.Index])
				}
			}
		}
		if idx = again; len(idx) == 0 {
			return errs
		}
	}
	t.Fatal("Write gets nowhere")
	return nil
}

// randomBatch makes a batch some of whose entries the model refuses, with many in the same second.
func randomBatch(rnd *rand.Rand, l batch.Labels, shuffled bool) *batch.Batch {
	n := 1 + rnd.IntN(300)
	if rnd.IntN(30) == 0 {
		n = 2000
	}
	spread := []time.Duration{time.Second, time.Minute, 3 * time.Hour}[rnd.IntN(3)]
	centre := start.Add([]time.Duration{0, -time.Hour, 10 * time.Minute, -30 * time.Minute}[rnd.IntN(4)])
	var times []time.Time
	for range n {
		times = append(times, centre.Add(time.Duration(rnd.Int64N(int64(spread)))-spread/2))
	}
	if !shuffled {
		slices.SortFunc(times, time.Time.Compare)
	}
	bad := []int{0, 0, 20, 2}[rnd.IntN(4)]
	b := batch.New(nil, l)
	for i, at := range times {
		line := fmt.Sprintf("line %d", i)
		var attrs []batch.Attr
		if bad > 0 && rnd.IntN(bad) == 0 {
			switch rnd.IntN(3) {
			case 0:
				line += strings.Repeat("x", 40+rnd.IntN(20))
			case 1:
				attrs = append(attrs, batch.Attr{Key: "a", Value: strings.Repeat("x", 90+rnd.IntN(20))})
			case 2:
				for k := range 2 + rnd.IntN(4) {
					attrs = append(attrs, batch.Attr{Key: fmt.Sprint("k", k), Value: "v"})
				}
			}
		}
		b.Append(at, []byte(line), attrs...)
	}
	return b
}
