package pipeline

import (
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle/lifecycletest"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// Every field that is wrong is named, all at once.
func TestNewNamesEveryBadField(t *testing.T) {
	lifecycletest.NoLeak(t)
	bad := Config{
		Sources:    map[string]source.Source{"": counter{}, "a/b": counter{}, "none": nil},
		Processors: []Processor{nil},
		Routes: []Route{
			{Name: "twice"},
			{Name: "twice", Sink: sink.Discard(), MaxInFlight: -1, BufferBytes: -2, Overflow: 17},
		},
		CheckpointEvery: -1, MaxInFlightBytes: -1, Grace: -1, CloseTimeout: -1,
	}
	e, err := New(bad)
	if e != nil || err == nil {
		t.Fatalf("New = %v, %v", e, err)
	}
	for _, want := range []string{
		"a name is empty", `Sources["a/b"]`, `Sources["none"]`, "Processors[0]", "Routes[0] (twice): Sink", "Routes[1].Name",
		"Routes[1] (twice): MaxInFlight", "Routes[1] (twice): BufferBytes", "Routes[1] (twice): Overflow",
		"CheckpointEvery", "MaxInFlightBytes", "Grace", "CloseTimeout",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 13 {
		t.Errorf("want 13 joined errors:\n%v", err)
	}
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), "Routes") {
		t.Errorf("New of nothing = %v", err)
	}
}

// Each single bad field is enough.
func TestNewRefuses(t *testing.T) {
	good := func() Config { return one(counter{}, Route{Sink: sink.Discard()}) }
	if _, err := New(good()); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Config){
		"CheckpointEvery":  func(c *Config) { c.CheckpointEvery = -time.Second },
		"MaxInFlightBytes": func(c *Config) { c.MaxInFlightBytes = -1 },
		"Grace":            func(c *Config) { c.Grace = -1 },
		"CloseTimeout":     func(c *Config) { c.CloseTimeout = -1 },
		"Sink":             func(c *Config) { c.Routes[0].Sink = nil },
		"MaxInFlight:":     func(c *Config) { c.Routes[0].MaxInFlight = -1 },
		"BufferBytes":      func(c *Config) { c.Routes[0].BufferBytes = -1 },
		"Overflow":         func(c *Config) { c.Routes[0].Overflow = -1 },
		"Processors[0]":    func(c *Config) { c.Processors = []Processor{nil} },
		"Limits.Pause":     func(c *Config) { c.Routes[0].Shaper = batch.Fixed(batch.Limits{Pause: time.Second}) },
		"of NewAdaptive":   func(c *Config) { c.Routes[0].Shaper = &batch.Adaptive{} },
		"of Routes[0] too: a *batch.Adaptive": func(c *Config) { // which both would call at once
			c.Routes[0].Shaper = batch.NewAdaptive(batch.AdaptiveConfig{})
			c.Routes = append(c.Routes, Route{Sink: sink.Discard(), Shaper: c.Routes[0].Shaper})
		},
		"of Routes[0] too: a *pipeline.script": func(c *Config) {
			c.Routes[0].Shaper = &script{}
			c.Routes = append(c.Routes, Route{Sink: sink.Discard(), Shaper: c.Routes[0].Shaper})
		},
		`Sources["x"]`: func(c *Config) { c.Sources["x"] = nil },
	} {
		c := good()
		spoil(&c)
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), "pipeline: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: New = %v", want, err)
		}
	}
}

// Shapers that two routes may have in common, or only seem to.
func TestNewTakesShapersThatAreShared(t *testing.T) {
	for name, both := range map[string][2]batch.Shaper{
		"fixed":               {batch.Fixed(batch.Limits{}), batch.Fixed(batch.Limits{})},
		"none":                {nil, nil},
		"two":                 {&script{}, &script{}},
		"pointers to nothing": {new(stateless), new(stateless)},
		"cannot be compared":  {spread{}, spread{}},
	} {
		cfg := one(counter{}, Route{Sink: sink.Discard(), Shaper: both[0]}, Route{Sink: sink.Discard(), Shaper: both[1]})
		if _, err := New(cfg); err != nil {
			t.Errorf("%s: New = %v", name, err)
		}
	}
}

type stateless struct{}

func (*stateless) Limits(batch.State) batch.Limits { return batch.Limits{} }
func (*stateless) Observe(batch.Outcome)           {}

type spread []int

func (spread) Limits(batch.State) batch.Limits { return batch.Limits{} }
func (spread) Observe(batch.Outcome)           {}

// New starts nothing and asks a sink only once what it is; the Config is left as
// it was.
func TestNewStartsNothing(t *testing.T) {
	lifecycletest.NoLeak(t)
	s := &asked{}
	cfg := one(counter{total: 10}, Route{Sink: s})
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(e.sup.Running()); n != 0 {
		t.Errorf("%d tasks", n)
	}
	if s.times != 1 {
		t.Errorf("the sink was asked %d times", s.times)
	}
	if cfg.Routes[0].Name != "" || cfg.Routes[0].Shaper != nil {
		t.Error("New has changed the Config")
	}
	if r := e.routes[0]; !r.grouping.perStream || r.cfg.MaxInFlight != 32 || r.cfg.Name != "route0" {
		t.Errorf("route: %+v", r.cfg)
	}
	if err := e.Add("b", counter{}); err == nil {
		t.Error("Add before Start was taken")
	}
	closes(t, e.Stats())
	if h := e.Health(); !h.OK() {
		t.Errorf("Health = %+v", h)
	}
}

type asked struct {
	collector
	times int
}

func (a *asked) PerStream() bool {
	a.times++
	return true
}

// A buffer that is larger than the budget would never be full.
func TestDefaultBufferFitsTheBudget(t *testing.T) {
	cfg := one(counter{}, Route{Sink: sink.Discard(), Overflow: DropOldest, Shaper: batch.Fixed(batch.Limits{})})
	cfg.MaxInFlightBytes = 1 << 20
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got := e.routes[0].cfg.BufferBytes; got != 1<<17 {
		t.Errorf("BufferBytes = %d", got)
	}
}

// A nil pointer as a sink is found by New, and named.
func TestNewFindsANilSink(t *testing.T) {
	var none *asked
	_, err := New(one(counter{}, Route{Sink: sink.Discard()}, Route{Sink: none}))
	if err == nil || !strings.Contains(err.Error(), "Routes[1] (route1): Sink") {
		t.Errorf("New = %v", err)
	}
}
