package container

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/source/record"
)

func TestPrepareRefuses(t *testing.T) {
	for want, cfg := range map[string]Config{
		"container: MaxLine: -1 is negative":                                      {MaxLine: -1},
		"container: MaxLine: 1073741825 is more than 1073741824":                  {MaxLine: 1<<30 + 1},
		"container: MaxLabelSets: -7 is negative":                                 {MaxLabelSets: -7},
		"container: Pollers: -2 is negative":                                      {Pollers: -2},
		"container: Poll: -1s is negative":                                        {Poll: -time.Second},
		"container: IdlePoll: -1ns is negative":                                   {IdlePoll: -1},
		"container: Relist: -1m0s is negative":                                    {Relist: -time.Minute},
		"container: Multiline.Timeout: -1ns is negative":                          {Multiline: record.Multiline{Timeout: -1}},
		"container: Multiline.MaxLines: -1 is negative":                           {Multiline: record.Multiline{Rule: record.Go(), MaxLines: -1}},
		"container: Multiline: MaxLines has no meaning without a Rule":            {Multiline: record.Multiline{MaxLines: 5}},
		"container: From: 2 is neither Start nor End":                             {From: 2},
		"container: From: -1 is neither Start nor End":                            {From: -1},
		"container: Outputs: 3 is none of Both, Stdout and Stderr":                {Outputs: 3},
		"container: Outputs: -1 is none of Both, Stdout and Stderr":               {Outputs: -1},
		"container: Include[0]: no field is set, so it would fit every container": {Include: []Match{{}}},
		"container: Exclude[1]: no field is set, so it would fit every container": {Exclude: []Match{{Name: "a"}, {Labels: map[string]string{}}}},
		"container: Include[1].Name: error parsing regexp: missing closing ]: `[a`": {
			Include: []Match{{Name: "a"}, {Name: "[a"}}},
		"container: Exclude[0].Image: error parsing regexp: missing closing ): `(`": {Exclude: []Match{{Image: "("}}},
		"container: Include[0].Labels: an empty key":                                {Include: []Match{{Labels: map[string]string{"": "x"}}}},
		`container: Include[0].State: "up" is none of created, running, paused, restarting, removing, exited or dead`: {
			Include: []Match{{State: "up"}}},
		`container: Labels: "a-b": not a name: want letters, digits and _, not starting with a digit`: {Labels: map[string]Field{"a-b": "name"}},
		`container: Labels: "": not a name: want letters, digits and _, not starting with a digit`:    {Labels: map[string]Field{"": "name"}},
		`container: Labels: "a": unknown field "Name"`:                                                {Labels: map[string]Field{"a": "Name"}},
		`container: Labels: "a": unknown field "label."`:                                              {Labels: map[string]Field{"a": "label."}},
		`container: Labels: "a": unknown field ""`:                                                    {Labels: map[string]Field{"a": ""}},
		`container: Labels: "c": every container has another id, so there is no bound to the streams it would make: use Attrs`: {
			Labels: map[string]Field{"c": "id"}},
		`container: Labels: "stream": the source has an attribute of that name`:                    {Labels: map[string]Field{"stream": "name"}},
		`container: Attrs: "truncated": the source has an attribute of that name`:                  {Attrs: map[string]Field{"truncated": "name"}},
		`container: Attrs: "1": not a name: want letters, digits and _, not starting with a digit`: {Attrs: map[string]Field{"1": "name"}},
		`container: Attrs: "x": unknown field "state"`:                                             {Attrs: map[string]Field{"x": "state"}},
		`container: Attrs: "image": there is a label of that name`:                                 {Attrs: map[string]Field{"image": "image"}},
		`container: Labels: 15 are more than 14`:                                                   {Labels: manyLabels(15)},
	} {
		if _, err := prepare(cfg); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	_, err := prepare(Config{Poll: -1, Include: []Match{{}, {Name: "(", Image: "(", State: "x"}}, Attrs: map[string]Field{"-": "?"}})
	if err == nil || strings.Count(err.Error(), "container: ") != 6 {
		t.Errorf("%v, want six errors joined", err)
	}
}

func manyLabels(n int) map[string]Field {
	m := map[string]Field{}
	for i := range n {
		m[fmt.Sprint("l", i)] = Field(fmt.Sprint("label.", i))
	}
	return m
}

func TestPrepareDefaults(t *testing.T) {
	p, err := prepare(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Host != usualHost() || p.OptOut != "logferry.collect" || p.MaxLabelSets != 1000 || p.MaxLine != 1<<20 ||
		p.MaxStreams != 256 || p.Pollers != 4 || p.Poll != 250*time.Millisecond || p.IdlePoll != 2*time.Second || p.Relist != 30*time.Second ||
		p.Multiline.MaxLines != 1000 || p.Multiline.Timeout != time.Second {
		t.Errorf("%+v", p.Config)
	}
	if want := []naming{{"compose_project", "compose.project"}, {"compose_service", "compose.service"}, {"container", "name"}, {"image", "image"}}; !slices.Equal(p.labels, want) {
		t.Errorf("labels %v, want %v", p.labels, want)
	}
	if want := []naming{{"container_id", "id"}}; !slices.Equal(p.attrs, want) {
		t.Errorf("attributes %v, want %v", p.attrs, want)
	}
	p, err = prepare(Config{MaxStreams: -1, Poll: time.Minute, Labels: manyLabels(14), Attrs: map[string]Field{}})
	if err != nil {
		t.Fatal(err)
	}
	if p.MaxStreams != 0 || p.IdlePoll != time.Minute || len(p.labels) != 14 || len(p.attrs) != 0 {
		t.Errorf("%+v", p)
	}
}

// What the caller changes afterwards is not seen.
func TestPrepareCopies(t *testing.T) {
	cfg := Config{
		Include: []Match{{Labels: map[string]string{"a": "1"}}},
		Labels:  map[string]Field{"x": "name"},
		Attrs:   map[string]Field{"y": "id"},
	}
	p, err := prepare(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Include[0].Labels["a"] = "2"
	cfg.Labels["x"], cfg.Attrs["z"] = "image", "image"
	if got := p.include[0].labels["a"]; got != "1" || p.labels[0].field != "name" || len(p.attrs) != 1 {
		t.Errorf("%+v", p)
	}
}
