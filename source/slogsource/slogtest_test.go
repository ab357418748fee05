package slogsource

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"

	"github.com/logferry/logferry/batch"
)

// nested is an entry as slogtest wants to see it.
func nested(e batch.Entry) map[string]any {
	m := map[string]any{slog.MessageKey: string(e.Line)}
	if !e.Time.IsZero() {
		m[slog.TimeKey] = e.Time
	}
	for _, a := range e.Attrs {
		at, key := m, a.Key
		for group, rest, ok := strings.Cut(key, "."); ok; group, rest, ok = strings.Cut(key, ".") {
			if at[group] == nil {
				at[group] = map[string]any{}
			}
			at, key = at[group].(map[string]any), rest
		}
		at[key] = a.Value
	}
	return m
}

// TestSlogtest holds the handler against the rules of package slog. What is looked
// at is what would be sent: then entries without a time get one.
func TestSlogtest(t *testing.T) {
	var src *Source
	slogtest.Run(t, func(t *testing.T) slog.Handler {
		src = newSource(t, Config{})
		return src.Handler()
	}, func(t *testing.T) map[string]any {
		return nested(entries(src)[0])
	})
}

// TestSlogtestJSON does so for lines of JSON, behind a pipeline.
func TestSlogtestJSON(t *testing.T) {
	var out *store
	var finish func() error
	slogtest.Run(t, func(t *testing.T) slog.Handler {
		src := newSource(t, Config{Format: JSON})
		out = newStore()
		p := started(t, src, out, nil)
		finish = func() error { return p.Close(context.Background()) }
		return src.Handler()
	}, func(t *testing.T) map[string]any {
		if err := finish(); err != nil {
			t.Fatal(err)
		}
		m := map[string]any{}
		if err := json.Unmarshal([]byte(out.lines()[0]), &m); err != nil {
			t.Fatal(err)
		}
		return m
	})
}
