package loki

import (
	"fmt"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// What different labels have of one stream does not share a request: one part could put the other too far behind, which
// the answer for a third stream would conceal.
func TestPackedSharedStream(t *testing.T) {
	f, m := newMasking(t)
	s := newSink(t, f.URL, packed, func(c *Config) { c.StreamLabels = []string{"app"} })
	now := time.Now()
	write := func(ages ...float64) {
		b := batch.New(nil, batch.Labels{})
		for i, age := range ages {
			b.Append(now.Add(-time.Duration(age*float64(time.Hour))), fmt.Append(nil, ages, i))
			b.Entries[i].Labels = batch.MustLabels("app", "a", "pod", fmt.Sprint(i))
			if i == 2 {
				b.Entries[i].Labels = batch.MustLabels("app", "b")
			}
		}
		for i, err := range deliverAll(t, s, b) {
			stream := batch.MustLabels("app", map[bool]string{false: "a", true: "b"}[i == 2])
			if stored := m.has(stream, &b.Entries[i]); stored != (err == nil) {
				t.Errorf("entry %d of %v is stored: %v, but Write says %v", i, ages, stored, err)
			}
		}
	}
	write(3)
	write(1.5, 2.9, 0.1)
	for _, p := range f.all() {
		if p.labels == `{app="a"}` && len(p.others) > 0 || len(p.others) > 1 {
			t.Errorf("a request of %s and %d others", p.labels, len(p.others))
		}
	}
}
