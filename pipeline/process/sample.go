package process

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync/atomic"

	"github.com/logferry/logferry/batch"
)

// A SampleConfig says which part of the entries is kept. The zero SampleConfig
// keeps one in ten.
type SampleConfig struct {
	// Rate is the part that is kept, more than 0 and less than 1: 0.1.
	Rate float64
	// Key is the name of an attribute or label: entries with the same value are
	// all kept, or all dropped, here and in any other process with the same Rate, so
	// that what is kept of a trace is the whole of it. A lower Rate keeps a part of
	// what a higher one does. "", and entries without it: one entry in so many is
	// kept, in the order they come in.
	Key string
	// Always keeps every entry that is that bad or worse, as its attribute or
	// label level, detected_level or severity says: see [Level]. Zero: none.
	Always Severity
	// Attr is the key of an attribute with Rate that those get that are kept and
	// might not have been, so that they can be counted for all. "": none.
	Attr string
}

const defaultRate = 0.1

// A Sampler drops all but a part of the entries, for [DroppedSampled]. [Sample]
// makes one; all methods may be called concurrently.
type Sampler struct {
	cfg   SampleConfig
	below uint64 // hashes that are kept
	attr  batch.Attr
	seen  atomic.Uint64 // entries without a key
}

// Sample returns a Sampler. Its error names each field that makes no sense.
func Sample(cfg SampleConfig) (*Sampler, error) {
	if cfg.Rate == 0 {
		cfg.Rate = defaultRate
	}
	errs := isSeverity("Sample", "Always", cfg.Always)
	if !(cfg.Rate > 0 && cfg.Rate < 1) {
		errs = append(errs, fmt.Errorf("process: Sample: Rate: %v is not between 0 and 1", cfg.Rate))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &Sampler{
		cfg:   cfg,
		below: uint64(cfg.Rate * math.MaxUint64),
		attr:  batch.Attr{Key: cfg.Attr, Value: strconv.FormatFloat(cfg.Rate, 'g', -1, 64)},
	}, nil
}

// Process is that of pipeline.Processor.
func (s *Sampler) Process(_ context.Context, b *batch.Batch) error {
	b.Drop(DroppedSampled, func(e *batch.Entry) bool {
		l := labelsOf(b, e)
		if atLeast(s.cfg.Always, e, l) {
			return false
		}
		if !s.keeps(e, l) {
			return true
		}
		if s.attr.Key != "" {
			addAttrs(b, e, s.attr)
		}
		return false
	})
	return nil
}

func (s *Sampler) keeps(e *batch.Entry, l batch.Labels) bool {
	if s.cfg.Key != "" {
		if v := valueIn(e, l, s.cfg.Key); v != "" {
			return hash(v) < s.below
		}
	}
	// The n-th is kept if n times the rate reaches the next whole number there.
	n := float64(s.seen.Add(1) - 1)
	return math.Floor((n+1)*s.cfg.Rate) > math.Floor(n*s.cfg.Rate)
}

// hash is the same for the same text in every process: FNV-1a, the bits of which
// are mixed by the finalizer of MurmurHash3, as the upper ones decide.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
