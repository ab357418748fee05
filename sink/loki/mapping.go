package loki

import (
	"sync"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A mapping is what the labels of an entry come to. It does not change, but for what it recalls.
type mapping struct {
	own       batch.Labels // of the entries
	name      batch.Labels // stands for the stream, in all Loki
	key       streamKey
	err       error // permanent: such entries cannot be sent
	tenant    string
	labels    []byte       // the codec's
	moved     []batch.Attr // labels that go along as attributes
	movedSize int          // of moved, as Loki reckons it
	attrs     []byte       // the codec's, of moved
	overLimit bool
	stream    *stream
	recall    recall
}

// maxMappings bounds the memory of mappings and streams. Beyond it they are forgotten, with what their clocks know, except
// for those with something to recall, unless that is more than half of them: it is a bound for what is not meant to be, and
// Loki's own, of 5,000 streams, comes first as a rule.
const maxMappings = 10_000

// mappings are those used of late, and their streams, several mappings of which may have one in common.
type mappings struct {
	rule  labelRule
	codec codec
	bare  bool // moved labels are left out
	utf8  bool // see draft

	mu      sync.RWMutex
	byOf    map[batch.Labels]*mapping
	streams map[streamKey]*stream
}

// A streamKey tells the streams of a Loki apart.
type streamKey struct {
	tenant string
	labels batch.Labels
}

// of returns the mapping of the labels l.
func (c *mappings) of(l batch.Labels) *mapping {
	c.mu.RLock()
	m := c.byOf[l]
	c.mu.RUnlock()
	if m != nil {
		return m
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.byOf[l]; m != nil {
		return m
	}
	if c.byOf == nil || len(c.byOf) >= maxMappings {
		c.forget()
	}
	m = c.make(l)
	c.byOf[l] = m
	return m
}

// forget makes room. The caller holds c.mu.
func (c *mappings) forget() {
	all := c.byOf
	c.byOf = make(map[batch.Labels]*mapping)
	c.streams = make(map[streamKey]*stream)
	for _, m := range all {
		if len(c.byOf) < maxMappings/2 && !m.recall.empty() {
			c.keep(m)
		}
	}
}

// keep has m found from now on. The caller holds c.mu.
func (c *mappings) keep(m *mapping) {
	c.byOf[m.own] = m
	c.streams[m.key] = m.stream
}

// restore is for a mapping that has something to recall, and may have been forgotten since it was found.
func (c *mappings) restore(m *mapping) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byOf[m.own] != m {
		c.keep(m)
	}
}

func (c *mappings) make(l batch.Labels) *mapping {
	s, err := c.rule.split(l)
	if err != nil {
		return &mapping{name: l, err: sink.Permanent(err)}
	}
	m := &mapping{own: l, name: c.rule.name(s), tenant: s.tenant, labels: c.codec.labels(nil, s.labels), overLimit: s.overLimit}
	if !c.bare {
		m.moved = s.moved
		m.attrs = c.codec.attrs(nil, s.moved)
		for _, a := range s.moved {
			m.movedSize += nameSize(a.Key) + textSize(a.Value, c.utf8)
		}
	}
	m.key = streamKey{s.tenant, s.labels}
	if m.stream = c.streams[m.key]; m.stream == nil {
		m.stream = &stream{}
		c.streams[m.key] = m.stream
	} else {
		m.stream.shared.Store(true)
	}
	return m
}
