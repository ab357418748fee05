package pipeline

import (
	"testing"
	"testing/synctest"

	"github.com/logferry/logferry/source"
)

func TestDeliversEverythingInOrder(t *testing.T) {
	for _, single := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			out := &collector{single: single}
			e := mustNew(t, Config{
				Sources: map[string]source.Source{
					"a": counter{stream: "a", total: 10_000, perBatch: 37},
					"b": counter{stream: "b", total: 5_000, perBatch: 501},
				},
				Routes: []Route{{Sink: out}},
			})
			if err := e.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			for stream, total := range map[string]int{"a": 10_000, "b": 5_000} {
				missing, twice, inOrder := out.check(stream, total)
				if missing != 0 || twice != 0 || !inOrder {
					t.Errorf("PerStream %v, stream %s: %d missing, %d twice, in order: %v", single, stream, missing, twice, inOrder)
				}
			}
			st := e.Stats()
			closes(t, st)
			if got := st.Sources["a"].Delivered; got != 10_000 {
				t.Errorf("delivered of a = %d", got)
			}
			if out.closed != 1 {
				t.Errorf("sink closed %d times", out.closed)
			}
			if st.InFlightBytes != 0 {
				t.Errorf("%d bytes of the budget were not given back", st.InFlightBytes)
			}
		})
	}
}
