//go:build !race

package process_test

// The race detector makes sync.Pool drop things at random, so this is not tested
// with it.

import (
	"context"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
)

// Nothing is allocated where nothing is extracted, and neither where labels are that
// were seen before, or for the list that an attribute is added to.
func TestParsersDoNotAllocate(t *testing.T) {
	label := map[string]string{"level": "level"}
	for _, test := range []struct {
		name, line string
		p          pipeline.Processor
	}{
		{"JSON, labels", benchJSON, process.Must(process.JSON(process.JSONConfig{Labels: label}))},
		{"JSON, nothing there", benchJSON, process.Must(process.JSON(process.JSONConfig{Attrs: map[string]string{"a": "b.c"}}))},
		{"JSON, malformed", benchLogfmt, process.Must(process.JSON(process.JSONConfig{}))},
		{"logfmt, labels", benchLogfmt, process.Must(process.Logfmt(process.LogfmtConfig{Labels: label}))},
		{"logfmt, nothing there", benchLogfmt, process.Must(process.Logfmt(process.LogfmtConfig{Attrs: map[string]string{"a": "b"}}))},
		{"logfmt, malformed", "text", process.Must(process.Logfmt(process.LogfmtConfig{}))},
		{"regexp, no match", benchJSON, process.Must(process.Regexp(process.RegexpConfig{}))},
		{"level, as a label", benchJSON, process.Must(process.Level(process.LevelConfig{Label: "level"}))},
		{"level, none", "reverse mapping checking getaddrinfo for ns.marryaldkfaczcz.com", process.Must(process.Level(process.LevelConfig{}))},
		{"time, JSON", benchJSON, process.Must(process.Time(process.TimeConfig{}))},
		{"time, text", apacheLine, process.Must(process.Time(process.TimeConfig{}))},
		{"time, none", "text", process.Must(process.Time(process.TimeConfig{}))},
		{"unwrap, neither", benchLogfmt, process.Must(process.Unwrap(process.UnwrapConfig{}))},
		{"clamp", "text", process.Must(process.Clamp(process.ClampConfig{}))},
		{"sample, with an attribute", "text", process.Must(process.Sample(process.SampleConfig{Rate: 0.9999999, Attr: "rate"}))},
	} {
		b := batch.New(nil, batch.MustLabels("app", "shop"))
		for range 100 {
			b.Append(time.Now(), []byte(test.line))
		}
		n := testing.AllocsPerRun(20, func() {
			if err := test.p.Process(context.Background(), b); err != nil {
				t.Fatal(err)
			}
		})
		if n > 0 {
			t.Errorf("%s: %v allocations for 100 lines", test.name, n)
		}
	}
}
