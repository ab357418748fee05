package container

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/labelset"
)

// identity returns who c is for a Source that is new.
func identity(t *testing.T, cfg Config, c summary) who {
	t.Helper()
	w, ok := selectorFor(t, cfg).admit(&details{summary: c}, unknown)
	if !ok {
		t.Fatalf("%+v is not admitted", c)
	}
	return w
}

func (w who) String() string { return fmt.Sprintf("%v %v", w.labels, w.attrs) }

func TestIdentity(t *testing.T) {
	long := strings.Repeat("x", 1022)
	sha := "sha256:08575df5e6c13e7deee4ac78440b86f2475a16ebc85e2e520ac1bca3a58ab8ac"
	for _, tt := range []struct {
		name string
		cfg  Config
		c    summary
		want string
	}{
		{"defaults", Config{}, summary{id: "id", name: "web", image: "nginx:1.27"},
			`{container="web", image="nginx:1.27"} [{container_id id}]`},
		{"compose", Config{}, summary{id: "id", name: "shop-web-1", image: sha,
			labels: map[string]string{"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}},
			`{compose_project="shop", compose_service="web", container="shop-web-1", image="` + sha + `"} [{container_id id}]`},
		{"podman-compose", Config{Labels: map[string]Field{"p": "compose.project", "s": "compose.service"}}, summary{id: "id",
			labels: map[string]string{"io.podman.compose.project": "shop", "io.podman.compose.service": "web"}},
			`{p="shop", s="web"} [{container_id id}]`},
		{"both", Config{Labels: map[string]Field{"p": "compose.project"}}, summary{id: "id",
			labels: map[string]string{"com.docker.compose.project": "a", "io.podman.compose.project": "b"}},
			`{p="a"} [{container_id id}]`},
		{"labels of the container", Config{Labels: map[string]Field{"team": "label.example.com/team", "none": "label.none"},
			Attrs: map[string]Field{"z": "label.z", "a": "name", "gone": "label.gone"}},
			summary{id: "id", name: "n", labels: map[string]string{"example.com/team": "blue", "z": "1"}},
			`{team="blue"} [{a n} {z 1}]`},
		{"invalid", Config{}, summary{id: "i\xff", name: "a\xff\xfeb", image: "\xc3"},
			`{container="a` + "\uFFFD" + `b", image="` + "\uFFFD" + `"} [{container_id i` + "\uFFFD" + `}]`},
		{"long", Config{Labels: map[string]Field{"l": "label.l"}}, summary{id: "id", labels: map[string]string{"l": long + "äöü"}},
			`{l="` + long + `ä"} [{container_id id}]`},
		{"long, within a character", Config{Labels: map[string]Field{"l": "label.l"}}, summary{id: "id", labels: map[string]string{"l": long + "xäöü"}},
			`{l="` + long + `x"} [{container_id id}]`},
		{"none", Config{Labels: map[string]Field{"p": "compose.project"}}, summary{id: "id", name: "web"},
			`{container="other"} [{container web} {container_id id}]`},
		{"none wanted", Config{Labels: map[string]Field{}, Attrs: map[string]Field{"container": "image"}}, summary{id: "id", name: "web", image: "i"},
			`{container="other"} [{container i}]`},
		{"nothing at all", Config{}, summary{}, `{container="other"} []`},
	} {
		if got := identity(t, tt.cfg, tt.c).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestMaxLabelSets(t *testing.T) {
	var logged bytes.Buffer
	s := selectorFor(t, Config{MaxLabelSets: 3})
	s.log = slog.New(slog.NewTextHandler(&logged, nil))
	admit := func(name, image, want string) {
		t.Helper()
		w, _ := s.admit(&details{summary: summary{id: "i", name: name, image: image}}, unknown)
		if w.String() != want {
			t.Errorf("%s of %s: %v, want %s", name, image, w, want)
		}
	}
	admit("a", "x", `{container="a", image="x"} [{container_id i}]`)
	admit("b", "x", `{container="b", image="x"} [{container_id i}]`)
	admit("c", "y", `{container="c", image="y"} [{container_id i}]`)
	admit("a", "x", `{container="a", image="x"} [{container_id i}]`)
	if logged.Len() > 0 {
		t.Errorf("logged too early: %s", &logged)
	}
	admit("d", "x", `{container="other", image="x"} [{container d} {container_id i}]`)
	admit("e", "y", `{container="other", image="y"} [{container e} {container_id i}]`)
	admit("f", "z", `{container="other", image="other"} [{container f} {container_id i} {image z}]`)
	// A combination of known values is yet another set, and there are three of
	// the kind already.
	admit("c", "x", `{container="other", image="other"} [{container c} {container_id i} {image x}]`)
	admit("b", "x", `{container="b", image="x"} [{container_id i}]`)
	if n := strings.Count(logged.String(), "\n"); n != 1 || !strings.Contains(logged.String(), `level=WARN msg="too many different label sets`) {
		t.Errorf("want one warning: %s", &logged)
	}
}

// TestLabelSetsBounded: however many containers come by, from several
// goroutines, the streams are no more than they may be, and entries tell all.
func TestLabelSetsBounded(t *testing.T) {
	const most = 20
	p, err := prepare(Config{MaxLabelSets: most})
	if err != nil {
		t.Fatal(err)
	}
	s := newSelector(p, newRegister(), slog.New(slog.DiscardHandler))
	var mu sync.Mutex
	sets := map[batch.Labels]struct{}{}
	var wg sync.WaitGroup
	for seed := range uint64(4) {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, 1))
			for range 2500 {
				c := summary{id: fmt.Sprint(rnd.Int()), name: fmt.Sprint("run-", rnd.IntN(5000)), image: fmt.Sprint("app:", rnd.IntN(40)),
					labels: map[string]string{"com.docker.compose.project": fmt.Sprint(rnd.IntN(10))}}
				w, _ := s.admit(&details{summary: c}, unknown)
				for _, f := range p.labels {
					want, got := f.field.of(&c), w.labels.Get(f.name)
					told := slices.Contains(w.attrs, batch.Attr{Key: f.name, Value: want})
					if got != want && (got != labelset.Other || !told) {
						t.Errorf("%s of %+v is %q, and that is not told by %v", f.name, c, got, w.attrs)
					}
				}
				mu.Lock()
				sets[w.labels] = struct{}{}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(sets) > 2*most+1 || len(sets) < most {
		t.Errorf("%d label sets, want %d to %d", len(sets), most, 2*most+1)
	}
}

func FuzzIdentity(f *testing.F) {
	f.Add("name", "image", "value")
	f.Add("", "\xff\xff", strings.Repeat("\xf0\x9f\x98\x80", 300))
	f.Fuzz(func(t *testing.T, name, image, value string) {
		cfg := Config{Labels: map[string]Field{"n": "name", "i": "image", "v": "label.k"}, Attrs: map[string]Field{"a": "label.k"}}
		w := identity(t, cfg, summary{id: "1", name: name, image: image, labels: map[string]string{"k": value}})
		if w.labels.Len() == 0 {
			t.Error("no label")
		}
		for _, a := range w.attrs {
			if !utf8.ValidString(a.Value) || len(a.Value) > labelset.MaxValue || a.Value == "" {
				t.Errorf("%s=%q", a.Key, a.Value)
			}
		}
	})
}
