package slogsource

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// FuzzPack: what is packed comes out as it was, whatever it holds.
func FuzzPack(f *testing.F) {
	f.Add("order shipped", "request", "id", "A-1", "n", int64(3), int64(1700000000), int64(5), 0)
	f.Add("", "", "", "", "", int64(-1), int64(-62135596800), int64(0), 8)
	f.Add("a\nb\x00\xff", "g.h", "\xfe", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", "level", int64(1<<62), int64(-1), int64(999999999), -4)
	f.Fuzz(func(t *testing.T, msg, group, key, value, other string, n, sec, nsec int64, level int) {
		src := newSource(t, Config{Level: slog.Level(-1 << 62)})
		at := time.Unix(sec, nsec)
		h := src.Handler().WithGroup(group).WithAttrs([]slog.Attr{slog.String(key, value)})
		r := slog.NewRecord(at, slog.Level(level), msg, 0)
		r.AddAttrs(slog.Int64(other, n))
		for range 2 { // the second in the same chunk, if it fits
			if err := h.Handle(context.Background(), r); err != nil {
				t.Fatal(err)
			}
		}
		prefix := ""
		if group != "" {
			prefix = group + "."
		}
		want := []batch.Attr{{Key: prefix + key, Value: value}, {Key: prefix + other, Value: slog.Int64Value(n).String()}, {Key: "level", Value: slog.Level(level).String()}}
		all := entries(src)
		if len(all) != 2 {
			t.Fatalf("%d entries", len(all))
		}
		for _, e := range all {
			whole := len(msg) <= src.cfg.MaxLine && 2*len(prefix)+len(key)+len(value)+len(other) < maxAttrBytes-keptOutside*keptBytes-100
			if whole && (string(e.Line) != msg || !slices.Equal(e.Attrs, want)) {
				t.Errorf("got %q %q, want %q %q", e.Line, e.Attrs, msg, want)
			}
			if !e.Time.Equal(at) {
				t.Errorf("time %v, want %v", e.Time, at)
			}
		}
	})
}
