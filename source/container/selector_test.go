package container

import (
	"log/slog"
	"strings"
	"testing"
)

// selectorFor returns a selector of a process that runs in the container own.
func selectorFor(t *testing.T, cfg Config, own ...string) *selector {
	t.Helper()
	p, err := prepare(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := newSelector(p, newRegister(), slog.New(slog.DiscardHandler))
	if !cfg.IncludeSelf {
		s.own = own
	}
	return s
}

func TestSelect(t *testing.T) {
	c := summary{
		id: strings.Repeat("ab", 32), name: "shop-web-1", image: "registry.example:5000/shop/web:1.27", state: "running",
		labels: map[string]string{"tier": "front", "empty": "", "com.docker.compose.project": "shop", "com.docker.compose.service": "web"},
	}
	for _, tt := range []struct {
		name             string
		include, exclude []Match
		want             bool
	}{
		{"all", nil, nil, true},
		{"name", []Match{{Name: "web"}}, nil, true},
		{"name, whole", []Match{{Name: "^web$"}}, nil, false},
		{"name, no slash", []Match{{Name: "^shop"}}, nil, true},
		{"image", []Match{{Image: "/web:"}}, nil, true},
		{"another image", []Match{{Image: "^nginx"}}, nil, false},
		{"label", []Match{{Labels: map[string]string{"tier": "front"}}}, nil, true},
		{"another value", []Match{{Labels: map[string]string{"tier": "fron"}}}, nil, false},
		{"any value", []Match{{Labels: map[string]string{"tier": "*"}}}, nil, true},
		{"any value, empty", []Match{{Labels: map[string]string{"empty": "*"}}}, nil, true},
		{"empty value", []Match{{Labels: map[string]string{"empty": ""}}}, nil, true},
		{"no such label, empty", []Match{{Labels: map[string]string{"none": ""}}}, nil, false},
		{"one label of two", []Match{{Labels: map[string]string{"tier": "front", "none": "*"}}}, nil, false},
		{"project", []Match{{Project: "shop"}}, nil, true},
		{"part of a project", []Match{{Project: "sho"}}, nil, false},
		{"project and service", []Match{{Project: "shop", Service: "web"}}, nil, true},
		{"another service", []Match{{Project: "shop", Service: "db"}}, nil, false},
		{"state", []Match{{State: "running"}}, nil, true},
		{"another state", []Match{{State: "exited"}}, nil, false},
		{"all fields at once", []Match{{Name: "web", Image: "shop", Project: "bank"}}, nil, false},
		{"any of two", []Match{{Name: "db"}, {Name: "web"}}, nil, true},
		{"none of two", []Match{{Name: "db"}, {Name: "queue"}}, nil, false},
		{"excluded", nil, []Match{{Name: "web"}}, false},
		{"another excluded", nil, []Match{{Name: "db"}}, true},
		{"any excluded", nil, []Match{{Name: "db"}, {Service: "web"}}, false},
		{"included and excluded", []Match{{Name: "web"}}, []Match{{State: "running"}}, false},
		{"excluded in another state", nil, []Match{{Name: "web", State: "exited"}}, true},
	} {
		s := selectorFor(t, Config{Include: tt.include, Exclude: tt.exclude})
		if got := s.match(&c, unknown); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		if _, got := s.admit(&details{summary: c}, unknown); got != tt.want {
			t.Errorf("%s: admitted %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestSelectState: a state is a condition for becoming followed, and one that a
// container was in for a moment counts.
func TestSelectState(t *testing.T) {
	running, exited := []Match{{State: "running"}}, []Match{{State: "exited"}}
	for _, tt := range []struct {
		name             string
		include, exclude []Match
		state            string
		standing         standing
		want             bool
	}{
		{"exited before", running, nil, "exited", unknown, false},
		{"exited at once", running, nil, "exited", hasRun, true},
		{"exits", running, nil, "exited", followed, true},
		{"exited before", nil, exited, "exited", unknown, false},
		{"exited at once", nil, exited, "exited", hasRun, true},
		{"exits", nil, exited, "exited", followed, true},
		{"still runs", exited, nil, "running", hasRun, false},
		{"exited meanwhile", exited, nil, "exited", hasRun, true},
		{"runs again", exited, nil, "running", followed, true},
		{"runs", nil, running, "running", hasRun, false},
		{"not by this name", []Match{{Name: "b"}, {Name: "c", State: "running"}}, nil, "running", followed, false},
		{"not by that name", nil, []Match{{Name: "a"}}, "running", followed, false},
	} {
		s := selectorFor(t, Config{Include: tt.include, Exclude: tt.exclude})
		if got := s.match(&summary{id: "1", name: "a", state: tt.state}, tt.standing); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestOptOut(t *testing.T) {
	for value, want := range map[string]bool{"false": false, "0": false, "no": false, "off": false, " OFF ": false, "False": false,
		"true": true, "1": true, "": true, "nope": true} {
		c := summary{id: "1", labels: map[string]string{"logferry.collect": value}}
		if got := selectorFor(t, Config{}).match(&c, unknown); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
		if !selectorFor(t, Config{OptOut: "my.key"}).match(&c, unknown) {
			t.Errorf("%q: left out by another label than OptOut", value)
		}
		c.labels = map[string]string{"my.key": value}
		if got := selectorFor(t, Config{OptOut: "my.key"}).match(&c, followed); got != want {
			t.Errorf("my.key=%q: %v, want %v", value, got, want)
		}
	}
}

func TestSelf(t *testing.T) {
	me, you := strings.Repeat("a", 64), strings.Repeat("b", 64)
	s := selectorFor(t, Config{Include: []Match{{Name: "."}}}, me)
	if s.match(&summary{id: me, name: "me"}, followed) {
		t.Error("this process's own container is followed")
	}
	if _, ok := s.admit(&details{summary: summary{id: you, name: "you"}}, unknown); !ok {
		t.Error("another container is not followed")
	}
	if !selectorFor(t, Config{IncludeSelf: true}, me).match(&summary{id: me}, unknown) {
		t.Error("IncludeSelf has no effect")
	}
}
