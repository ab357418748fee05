package loki

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// Loki's defaults: max_label_names_per_series, max_label_name_length, max_label_value_length.
const (
	maxLabels     = 14 // 15, of which Loki takes one for the service_name it adds
	maxLabelName  = 1024
	maxLabelValue = 2048
	serviceName   = "service_name"
)

// maxStreams bounds the memory of streams. Beyond it all are forgotten: a stream costs little to make again.
const maxStreams = 10_000

// A stream is what the sink knows about one set of labels.
type stream struct {
	labels []byte // as field 1 of a StreamAdapter, with tag and length
	err    error  // permanent: Loki would refuse these labels
	limits limits
}

// streams are the streams seen of late, by the labels of their entries.
type streams struct {
	external batch.Labels

	mu   sync.RWMutex
	byOf map[batch.Labels]*stream
}

// of returns the stream of entries with the labels l.
func (s *streams) of(l batch.Labels) *stream {
	s.mu.RLock()
	st := s.byOf[l]
	s.mu.RUnlock()
	if st != nil {
		return st
	}
	return s.add(l, newStream(l, s.external))
}

// add remembers st unless somebody was faster.
func (s *streams) add(l batch.Labels, st *stream) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.byOf[l]; first != nil {
		return first
	}
	if s.byOf == nil || len(s.byOf) >= maxStreams {
		s.byOf = make(map[batch.Labels]*stream)
	}
	s.byOf[l] = st
	return st
}

func newStream(own, external batch.Labels) *stream {
	l, err := merge(own, external)
	if err == nil {
		err = checkLabels(l)
	}
	if err != nil {
		return &stream{err: sink.Permanent(err)}
	}
	text := appendLabels(nil, l)
	st := &stream{labels: make([]byte, 0, fieldSize(len(text)))}
	st.labels = append(appendHead(st.labels, tagStreamLabels, len(text)), text...)
	return st
}

// appendLabels appends l as Loki's parser reads it. U+FFFD becomes a question mark: the parser takes it for a decoding
// error, escaped or not, and the whole request would be lost.
func appendLabels(dst []byte, l batch.Labels) []byte {
	return append(dst, bytes.ReplaceAll(l.Append(nil), []byte("\uFFFD"), []byte("?"))...)
}

// merge returns own with those labels of external that it lacks.
func merge(own, external batch.Labels) (batch.Labels, error) {
	merged := own
	for name, value := range external.All() {
		if own.Get(name) != "" {
			continue
		}
		var err error
		if merged, err = merged.With(name, value); err != nil {
			return batch.Labels{}, fmt.Errorf("loki: labels: %w", err)
		}
	}
	return merged, nil
}

// checkLabels returns why Loki would refuse a stream with the labels l.
func checkLabels(l batch.Labels) error {
	n := 0
	for name, value := range l.All() {
		if len(name) > maxLabelName {
			return fmt.Errorf("loki: labels: name %.40q…: %d bytes, limit %d", name, len(name), maxLabelName)
		}
		if len(value) > maxLabelValue {
			return fmt.Errorf("loki: labels: value of %s: %d bytes, limit %d", name, len(value), maxLabelValue)
		}
		if name != serviceName {
			n++
		}
	}
	if l.Len() == 0 {
		return errors.New("loki: labels: none: Loki acknowledges and drops a stream without labels")
	}
	if n > maxLabels {
		return fmt.Errorf("loki: labels: %d beside %s, limit %d", n, serviceName, maxLabels)
	}
	return nil
}

// limits remember how often in a row Loki's rate limits have refused a stream, so that a request that is larger than
// the burst they allow, which never gets through however long one waits, is made smaller.
type limits struct{ refusals atomic.Int32 }

const (
	// patience is how many refusals are put down to the traffic rather than to the size of the request.
	patience = 3
	// maxShrink is how often the size is halved then.
	maxShrink = 10
)

// request returns how large a request may be now.
func (l *limits) request(most int) int {
	return most >> min(max(l.refusals.Load()-patience, 0), maxShrink)
}

func (l *limits) refused() {
	if n := l.refusals.Load(); n < patience+maxShrink {
		l.refusals.CompareAndSwap(n, n+1)
	}
}

// accepted lets requests grow again, gradually: the size that got through is near the one that does.
func (l *limits) accepted() {
	if n := l.refusals.Load(); n > 0 {
		l.refusals.CompareAndSwap(n, min(n, patience+maxShrink)-1)
	}
}

// exhausted reports whether the smallest requests have been refused, too.
func (l *limits) exhausted() bool { return l.refusals.Load() >= patience+maxShrink }
