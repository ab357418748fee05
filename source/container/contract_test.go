package container

import (
	"testing"
	"time"

	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/container/containertest"
	"github.com/logferry/logferry/source/sourcetest"
)

// The contract of sources holds for containers that are followed through a
// stream, those that are polled, and engines of both kinds.
func TestContract(t *testing.T) {
	for name, test := range map[string]struct {
		engine containertest.Config
		spec   containertest.Spec
		cfg    Config
	}{
		"live":        {},
		"live, local": {spec: containertest.Spec{Driver: "local"}},
		"polled":      {cfg: Config{MaxStreams: -1}},
		"polled, rotating": {
			spec: containertest.Spec{MaxSize: 20_000, MaxFiles: 100},
		},
		"before 23.0":        {engine: containertest.Config{Generation: containertest.Gen20}},
		"before 23.0, local": {engine: containertest.Config{Generation: containertest.Gen20}, spec: containertest.Spec{Driver: "local"}},
		"with a terminal":    {spec: containertest.Spec{Tty: true}},
	} {
		t.Run(name, func(t *testing.T) {
			sourcetest.Run(t, func(t testing.TB) sourcetest.Feed {
				e := containertest.New(test.engine)
				t.Cleanup(e.Close)
				c := e.Create(test.spec)
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				cfg := test.cfg
				cfg.Poll, cfg.IdlePoll = 20*time.Millisecond, 50*time.Millisecond
				cfg.Dial = e.Dial
				return sourcetest.Feed{
					Write: func(lines ...string) {
						for _, l := range lines {
							if err := c.Print(l); err != nil {
								t.Error(err)
							}
						}
					},
					New: func() source.Source {
						s, err := New(cfg)
						if err != nil {
							t.Fatal(err)
						}
						return s
					},
				}
			})
		})
	}
}
