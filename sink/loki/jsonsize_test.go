package loki

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// Lines and attributes are measured as Loki gets them, with three bytes for one that is not UTF-8: by ourselves, and
// where Loki says what it measured. Many in a row that it refuses take no neighbour along.
func TestJSONSizesAreLokis(t *testing.T) {
	f := newFake(t)
	m := &model{
		now: start, oldest: time.Hour, newest: 10 * time.Minute, maxLine: 50, maxMeta: 3, maxMetaSize: 1000, window: time.Hour,
		labels: shop.String(), stored: map[string]bool{}, dropped: map[string]bool{},
	}
	f.answer = func(_ int, p push, w http.ResponseWriter, _ *http.Request) bool {
		body := m.push(p.entries)
		if body != "" {
			http.Error(w, body, http.StatusBadRequest)
		}
		return body != ""
	}
	s := newSink(t, f.URL, asJSON, func(c *Config) { c.MaxLine = 100 })
	b := batch.New(nil, shop)
	for i := range 100 {
		line := strings.Repeat("\xff", 20) // 60 bytes
		if i >= 90 {
			line = "good"
		}
		b.Append(start.Add(time.Duration(i)), []byte(line))
	}
	b.Append(start, []byte(strings.Repeat("\xff", 40))) // 120
	b.Append(start, []byte("x"), batch.Attr{Key: "a", Value: strings.Repeat("\xff", 25<<10)})
	for i, err := range deliverAll(t, s, b) {
		if good := i >= 90 && i < 100; good != (err == nil) || err != nil && !sink.IsPermanent(err) {
			t.Errorf("entry %d: %v", i, err)
		}
	}
	if n := len(f.all()); n != 1 {
		t.Errorf("%d requests", n)
	}
}
