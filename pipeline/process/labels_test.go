package process_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
)

var (
	_ pipeline.Processor = (*process.Labeler)(nil)
	_ pipeline.Processor = (*process.Templater)(nil)
)

func TestLabels(t *testing.T) {
	pod := batch.MustLabels("k8s_pod", "shop-7f", "k8s_ns", "prod", "app", "shop", "level", "info")
	for name, test := range map[string]struct {
		cfg   process.LabelsConfig
		want  string
		attrs []batch.Attr
	}{
		"rename": {cfg: process.LabelsConfig{Rename: map[string]string{"k8s_ns": "namespace", "none": "app"}},
			want: `{app="shop", k8s_pod="shop-7f", level="info", namespace="prod"}`},
		"rename and replace": {cfg: process.LabelsConfig{Rename: map[string]string{"k8s_ns": "app", "app": "k8s_ns"}},
			want: `{app="prod", k8s_ns="shop", k8s_pod="shop-7f", level="info"}`},
		"set": {cfg: process.LabelsConfig{Set: map[string]string{"env": "test", "app": "x", "level": ""}},
			want: `{app="x", env="test", k8s_ns="prod", k8s_pod="shop-7f"}`},
		"demote": {cfg: process.LabelsConfig{Demote: []string{"k8s_*"}}, want: `{app="shop", level="info"}`,
			attrs: []batch.Attr{{Key: "k8s_ns", Value: "prod"}, {Key: "k8s_pod", Value: "shop-7f"}}},
		"drop":      {cfg: process.LabelsConfig{Drop: []string{"k8s_pod", "level"}}, want: `{app="shop", k8s_ns="prod"}`},
		"drop all":  {cfg: process.LabelsConfig{Drop: []string{"*"}}, want: `{}`},
		"keep":      {cfg: process.LabelsConfig{Keep: []string{"app", "k8s_n*", "none"}}, want: `{app="shop", k8s_ns="prod"}`},
		"keep none": {cfg: process.LabelsConfig{Keep: []string{}}, want: `{}`},
		"values": {cfg: process.LabelsConfig{Values: map[string][]string{"app": {"a", "b"}, "level": {"warn", "info"}, "none": nil}},
			want: `{app="other", k8s_ns="prod", k8s_pod="shop-7f", level="info"}`},
		"in order": {cfg: process.LabelsConfig{Rename: map[string]string{"k8s_ns": "ns"}, Set: map[string]string{"env": "test"},
			Demote: []string{"k8s_*"}, Drop: []string{"app"}, Keep: []string{"ns", "env", "app"}, Values: map[string][]string{"env": {"prod"}}},
			want: `{env="other", ns="prod"}`, attrs: []batch.Attr{{Key: "k8s_pod", Value: "shop-7f"}}},
	} {
		t.Run(name, func(t *testing.T) {
			x := process.Must(process.Labels(test.cfg))
			for range 2 { // once from memory
				b := batchOf(item{line: "of the batch", attrs: []batch.Attr{{Key: "a"}}}, item{line: "its own", labels: pod})
				b.Labels, b.Entries[1].Labels = pod, batch.MustLabels("app", "y")
				b.Entries[1].Labels = pod
				if err := x.Process(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				for i, had := range []int{1, 0} {
					if got := b.LabelsOf(i).String(); got != test.want {
						t.Errorf("%s: %s, want %s", b.Entries[i].Line, got, test.want)
					}
					if got := b.Entries[i].Attrs[had:]; !slices.Equal(got, test.attrs) {
						t.Errorf("%s: %v, want %v", b.Entries[i].Line, got, test.attrs)
					}
				}
				b.Settle(nil)
			}
		})
	}
}

// An entry that has no labels left has not those of its batch: whatever is whose,
// each entry has what its labels become.
func TestLabelsAreThoseOfTheEntry(t *testing.T) {
	x := process.Must(process.Labels(process.LabelsConfig{Keep: []string{"app"}}))
	rnd := rand.New(rand.NewPCG(1, 2))
	sets := []batch.Labels{{}, batch.MustLabels("app", "a"), batch.MustLabels("app", "b", "x", "1"), batch.MustLabels("x", "1"), batch.MustLabels("x", "2", "y", "1")}
	for range 2000 {
		b := batch.New(nil, sets[rnd.IntN(len(sets))])
		var want []string
		for i := range rnd.IntN(6) {
			b.Append(noon, []byte(fmt.Sprint(i)))
			b.Entries[i].Labels = sets[rnd.IntN(len(sets))]
			want = append(want, b.LabelsOf(i).Get("app"))
		}
		before := fmt.Sprint(b.Labels, b.Entries)
		if err := x.Process(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		for i, app := range want {
			if l := b.LabelsOf(i); l.Get("app") != app || l.Len() > 1 {
				t.Fatalf("entry %d has %v, want app %q; of %s", i, l, app, before)
			}
		}
	}
}

func TestLabelsConfig(t *testing.T) {
	_, err := process.Labels(process.LabelsConfig{})
	names(t, err, "Labels: Rename, Set")
	_, err = process.Labels(process.LabelsConfig{Rename: map[string]string{"a-": "b", "c": "d", "e": "d"}, Set: map[string]string{"0": ""},
		Demote: []string{"a-*"}, Drop: []string{""}, Keep: []string{"*"}, Values: map[string][]string{"a*": nil}})
	names(t, err, `Labels: Rename: "a-"`, `Labels: Rename: "c" and "e"`, "Labels: Set:", "Labels: Demote:", "Labels: Drop:", "Labels: Keep:", "Labels: Values:")
}

func BenchmarkLabels(b *testing.B) {
	x := process.Must(process.Labels(process.LabelsConfig{Drop: []string{"none"}}))
	b.Run("of the batch", func(b *testing.B) { bench(b, x, hadoop) })
	b.Run("100 streams", func(b *testing.B) {
		y := batch.New(nil, batch.Labels{})
		for i := range 500 {
			y.AppendShared(noon, []byte(hadoop))
			y.Entries[i].Labels = batch.MustLabels("app", fmt.Sprint(i%100))
		}
		b.ReportAllocs()
		for b.Loop() {
			if err := x.Process(b.Context(), y); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/entry")
	})
}
