package lokitest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink/loki"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/slogsource"
)

// TestSlog takes log records into Loki: each is found by its attributes, and equal
// ones are kept apart.
func TestSlog(t *testing.T) {
	s := Start(t)
	logs, err := slogsource.New(slogsource.Config{
		Labels:     batch.MustLabels("job", "slog"),
		LevelLabel: true,
		FromContext: func(_ context.Context, attrs []slog.Attr) []slog.Attr {
			return append(attrs, slog.String("trace_id", "4bf92f35"))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	to, err := loki.New(loki.Config{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(logs.Handler())
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"log": logs}, Routes: []pipeline.Route{{Sink: to}}, Logger: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	const orders = 500
	for n := range orders {
		log.WithGroup("order").Info("shipped", "id", n, slog.Group("customer", "name", "Ada\n\"Grüße\" 日本"))
	}
	at := time.Now()
	for range 20 {
		log.Handler().Handle(t.Context(), slog.NewRecord(at, slog.LevelError, "the same", 0))
	}
	log.Error("payment failed", "error", errors.New("card declined"))
	if err := errors.Join(logs.Flush(t.Context()), p.Flush(t.Context()), p.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	find := func(query string) (found []Entry) {
		t.Helper()
		streams, err := s.Query(t.Context(), query, at.Add(-time.Hour), at.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range streams {
			found = append(found, st.Entries...)
		}
		return found
	}
	if n := len(find(`{job="slog", level="INFO"} | trace_id="4bf92f35"`)); n != orders {
		t.Errorf("%d orders, want %d", n, orders)
	}
	found := find(`{job="slog"} | order_id="77"`)
	want := map[string]string{"detected_level": "info", "order_id": "77", "order_customer_name": "Ada\n\"Grüße\" 日本", "trace_id": "4bf92f35"}
	if len(found) != 1 || found[0].Line != "shipped" || fmt.Sprint(found[0].Metadata) != fmt.Sprint(want) {
		t.Errorf("order 77 is %+v, want %v", found, want)
	}
	if n := len(find(`{level="ERROR"} |= "the same"`)); n != 20 {
		t.Errorf("%d of 20 equal records", n)
	}
	if n := len(find(`{level="ERROR"} | error="card declined"`)); n != 1 {
		t.Errorf("%d errors", n)
	}
}
