package shaping

import "github.com/logferry/logferry/batch"

// Ours returns the contender that is judged: batch.NewAdaptive as it is by
// default.
func Ours() Contender {
	return Contender{Name: "adaptive", MaxInFlight: mostInFlight, New: func() batch.Shaper {
		return batch.NewAdaptive(batch.AdaptiveConfig{})
	}}
}
