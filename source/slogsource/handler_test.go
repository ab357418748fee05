package slogsource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
)

// A valuer resolves to what the function returns.
type valuer func() slog.Value

func (v valuer) LogValue() slog.Value { return v() }

// A text panics when it is marshalled.
type text struct{}

func (text) MarshalText() ([]byte, error) { panic("no text") }

// endless is a group that holds itself.
func endless() slog.Value {
	return slog.GroupValue(slog.String("a", "b"), slog.Any("again", valuer(endless)))
}

// TestAttributes: what becomes of attributes, behind those that come with the
// record as such.
func TestAttributes(t *testing.T) {
	verbose := fmt.Errorf("wrapped: %w", errors.New("disk"))
	for _, c := range []struct {
		name string
		log  func(l *slog.Logger)
		want string
	}{
		{"kinds", func(l *slog.Logger) {
			l.Info("m", "s", "x y", "i", -5, "u", uint64(1<<63), "f", 2.5, "b", true, "d", 90*time.Second,
				"t", time.Date(2025, 1, 2, 3, 4, 5, 600, time.UTC), "nil", nil)
		}, "m s=x y i=-5 u=9223372036854775808 f=2.5 b=true d=1m30s t=2025-01-02T03:04:05.0000006Z nil=<nil> level=INFO"},
		{"any", func(l *slog.Logger) {
			l.Info("m", "e", verbose, "ip", netip.MustParseAddr("10.0.0.1"), "raw", []byte("by"), "st", struct{ A, B int }{1, 2})
		}, "m e=wrapped: disk ip=10.0.0.1 raw=by st={A:1 B:2} level=INFO"},
		{"groups", func(l *slog.Logger) {
			l.With("a", 1).WithGroup("g").With("b", 2).WithGroup("h").Info("m", "c", 3, slog.Group("i", "d", 4, slog.Group("", "e", 5)), slog.Group("none"))
		}, "m a=1 g.b=2 g.h.c=3 g.h.i.d=4 g.h.i.e=5 level=INFO"},
		{"siblings", func(l *slog.Logger) {
			g := l.WithGroup("g")
			a, b := g.WithGroup("a"), g.WithGroup("b")
			a.With("x", 1).Info("m", "y", 2)
			b.Info("m", "z", 3)
		}, "m g.a.x=1 g.a.y=2 level=INFO\nm g.b.z=3 level=INFO"},
		{"valuer", func(l *slog.Logger) {
			l.Info("m", "v", valuer(func() slog.Value { return slog.GroupValue(slog.Int("x", 1)) }))
		}, "m v.x=1 level=INFO"},
		{"twice", func(l *slog.Logger) { l.With("k", 1).Info("m", "k", 2) }, "m k=1 k=2 level=INFO"},
		{"bad key", func(l *slog.Logger) { l.Info("m", []any{"alone"}...) }, "m !BADKEY=alone level=INFO"},
		{"no key", func(l *slog.Logger) { l.Info("m", "", 1) }, "m =1 level=INFO"},
		{"levels", func(l *slog.Logger) { l.Log(context.Background(), slog.LevelError+2, "m") }, "m level=ERROR+2"},
		{"panic", func(l *slog.Logger) { l.Info("m", "k", text{}, "after", 1) }, "m k=!PANIC: no text after=1 level=INFO"},
		{"nil pointer", func(l *slog.Logger) { l.Info("m", "k", (*text)(nil)) }, "m k=!PANIC: value method github.com/logferry/logferry/source/slogsource.text.MarshalText called using nil *text pointer level=INFO"},
		{"any bytes", func(l *slog.Logger) { l.Info("a\nb\xff\x00", "k\n", "\xfe\x1b") }, "a\nb\xff\x00 k\n=\xfe\x1b level=INFO"},
		{"below", func(l *slog.Logger) { l.Debug("m"); l.Info("n") }, "n level=INFO"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := newSource(t, Config{})
			c.log(slog.New(src.Handler()))
			var got []string
			for _, e := range entries(src) {
				got = append(got, show(e))
			}
			if g := strings.Join(got, "\n"); g != c.want {
				t.Errorf("got  %q\nwant %q", g, c.want)
			}
		})
	}
}

// one logs with f to a source of that Config and returns the one entry.
func one(t *testing.T, cfg Config, f func(l *slog.Logger)) batch.Entry {
	t.Helper()
	src := newSource(t, cfg)
	f(slog.New(src.Handler()))
	all := entries(src)
	if len(all) != 1 {
		t.Fatalf("%d entries", len(all))
	}
	return all[0]
}

// TestBounds: whatever is logged, an entry has an end and says that it was cut, and what
// the ctx says and the level are there.
func TestBounds(t *testing.T) {
	many := make([]any, 0, 600)
	for i := range 300 {
		many = append(many, fmt.Sprintf("k%d", i), i)
	}
	for name, f := range map[string]func(l *slog.Logger){
		"line":       func(l *slog.Logger) { l.Info(strings.Repeat("x", 5000)) },
		"value":      func(l *slog.Logger) { l.Info("m", "k", strings.Repeat("x", 1<<20)) },
		"key":        func(l *slog.Logger) { l.Info("m", strings.Repeat("x", 1<<20), 1) },
		"attributes": func(l *slog.Logger) { l.Info("m", many...) },
		"with":       func(l *slog.Logger) { l.With(many...).Info("m") },
		"group":      func(l *slog.Logger) { l.WithGroup(strings.Repeat("g", 1<<20)).Info("m", "k", 1) },
		"endless":    func(l *slog.Logger) { l.Info("m", "k", valuer(endless)) },
		"unnamed": func(l *slog.Logger) {
			var v valuer
			v = func() slog.Value { return slog.GroupValue(slog.Any("", v), slog.Any("", v)) }
			l.Info("m", "k", v)
		},
	} {
		t.Run(name, func(t *testing.T) {
			traced := func(_ context.Context, attrs []slog.Attr) []slog.Attr {
				return append(attrs, slog.String("trace_id", "4bf9"))
			}
			e := one(t, Config{MaxLine: 1000, FromContext: traced}, f)
			if got := show(e); !strings.HasSuffix(got, `trace_id=4bf9 level=INFO truncated=true`) {
				t.Errorf("ends in %s", got[max(0, len(got)-100):])
			}
			if n := len(e.Attrs); e.Size() > 1000+maxAttrBytes+100 || n > maxAttrs+1 || e.Attrs[n-1] != batch.Truncated() {
				t.Errorf("%d bytes, %d attributes, the last %.100q", e.Size(), n, e.Attrs[n-1])
			}
		})
	}
}

// TestCutsNoCharacter: what is cut in a line or value remains UTF-8, of which a sink might make something else.
func TestCutsNoCharacter(t *testing.T) {
	for shift := range 4 {
		long := strings.Repeat("x", shift) + strings.Repeat("日本🚢", 20_000)
		for _, format := range []Format{Message, Text} {
			e := one(t, Config{MaxLine: 1000, Format: format}, func(l *slog.Logger) { l.Info(long, "k", long) })
			if !utf8.Valid(e.Line) || len(e.Line) < 997 || len(e.Line) > 1000 {
				t.Errorf("the line of %d bytes ends in %q", len(e.Line), e.Line[len(e.Line)-8:])
			}
			for _, a := range e.Attrs {
				if !utf8.ValidString(a.Value) || a.Key == "k" && len(a.Value) < 50<<10 {
					t.Errorf("%s has %d bytes, and ends in %q", a.Key, len(a.Value), a.Value[len(a.Value)-8:])
				}
			}
		}
	}
}

// TestTalkativeContext: what the ctx says does not crowd out the level.
func TestTalkativeContext(t *testing.T) {
	for name, attr := range map[string]slog.Attr{"small": slog.Int("n", 1), "large": slog.String("s", strings.Repeat("x", 50<<10))} {
		t.Run(name, func(t *testing.T) {
			e := one(t, Config{FromContext: func(_ context.Context, attrs []slog.Attr) []slog.Attr {
				for range 300 {
					attrs = append(attrs, attr)
				}
				return attrs
			}}, func(l *slog.Logger) { l.Error("m") })
			if got := show(e); !strings.HasSuffix(got, "level=ERROR truncated=true") {
				t.Errorf("ends in %s", got[max(0, len(got)-100):])
			}
		})
	}
}

// TestForeignContext: what FromContext returns stays the host's, though it ought to have appended to what it was given.
func TestForeignContext(t *testing.T) {
	own := []slog.Attr{slog.String("region", "eu"), slog.Int("n", 1)}
	cfg := Config{FromContext: func(context.Context, []slog.Attr) []slog.Attr { return own }}
	for range 2 {
		if got := show(one(t, cfg, func(l *slog.Logger) { l.Info("m") })); !strings.Contains(got, "region=eu") {
			t.Error(got)
		}
	}
	if own[0].Value.String() != "eu" || own[1].Key != "n" {
		t.Errorf("the host's own attributes are now %v", own)
	}
}

// TestLevelLabel: there are four streams, whatever levels there are.
func TestLevelLabel(t *testing.T) {
	for level, want := range map[slog.Level]string{
		-1 << 40: "DEBUG", slog.LevelDebug + 1: "DEBUG", slog.LevelInfo: "INFO", slog.LevelInfo + 3: "INFO",
		slog.LevelWarn: "WARN", slog.LevelError: "ERROR", 1 << 40: "ERROR",
	} {
		e := one(t, Config{LevelLabel: true, Level: slog.Level(-1 << 50), Labels: batch.MustLabels("app", "shop")},
			func(l *slog.Logger) { l.Log(context.Background(), level, "m") })
		if e.Labels != batch.MustLabels("app", "shop", "level", want) || len(e.Attrs) > 0 {
			t.Errorf("%d: %v %v", level, e.Labels, e.Attrs)
		}
	}
}

// TestAddSource: the place is that of the log call.
func TestAddSource(t *testing.T) {
	e := one(t, Config{AddSource: true}, func(l *slog.Logger) { l.WithGroup("g").Info("m") })
	if len(e.Attrs) != 2 || e.Attrs[0].Key != "source" || !strings.Contains(e.Attrs[0].Value, "/handler_test.go:") {
		t.Errorf("got %v", e.Attrs)
	}
	if e := one(t, Config{AddSource: true}, func(l *slog.Logger) {
		l.Handler().Handle(context.Background(), slog.NewRecord(time.Now(), slog.LevelInfo, "m", 0))
	}); len(e.Attrs) != 1 {
		t.Errorf("without a place: %v", e.Attrs)
	}
}

// TestReplaceAttr: it sees what slog's own handlers would show it, and decides.
func TestReplaceAttr(t *testing.T) {
	cfg := Config{AddSource: true, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case a.Key == "password":
			return slog.Attr{}
		case a.Key == "fail":
			panic("no")
		case a.Key == slog.LevelKey && len(groups) == 0:
			return slog.String("severity", strings.ToLower(a.Value.Any().(slog.Level).String()))
		case a.Key == slog.SourceKey:
			return slog.Int("line", a.Value.Any().(*slog.Source).Line/100000)
		case len(groups) > 0:
			return slog.String(a.Key, strings.Join(groups, "/")+":"+a.Value.String())
		}
		return a
	}}
	e := one(t, cfg, func(l *slog.Logger) {
		l.With("password", "a", "x", 1).WithGroup("g").With("y", 2).Info("m", "password", "b", "fail", 1, slog.Group("h", "z", 3))
	})
	if got, want := show(e), "m x=1 g.y=g:2 g.fail=!PANIC: no g.h.z=g/h:3 line=0 severity=info"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

type traceKey struct{}

// TestFromContext: what the ctx says is no part of a group, and a panic is no end.
func TestFromContext(t *testing.T) {
	cfg := Config{FromContext: func(ctx context.Context, attrs []slog.Attr) []slog.Attr {
		id := ctx.Value(traceKey{}).(string) // panics without one
		return append(attrs, slog.String("trace_id", id))
	}}
	for _, f := range []Format{Message, Text, JSON} {
		cfg.Format = f
		e := one(t, cfg, func(l *slog.Logger) {
			l.WithGroup("g").InfoContext(context.WithValue(context.Background(), traceKey{}, "4bf9"), "m")
		})
		if got := show(batch.Entry{Attrs: e.Attrs}); got != " trace_id=4bf9 level=INFO" {
			t.Errorf("format %d: %q", f, got)
		}
		e = one(t, cfg, func(l *slog.Logger) { l.Info("m") })
		if got := show(batch.Entry{Attrs: e.Attrs}); !strings.HasPrefix(got, " from_context=!PANIC: ") {
			t.Errorf("format %d: without a trace: %q", f, got)
		}
	}
}

// TestFormats: the lines are slog's own.
func TestFormats(t *testing.T) {
	at := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	for f, want := range map[Format]string{
		Text: "time=2025-01-02T03:04:05.000Z level=INFO msg=\"a b\" x=1 g.y=\"2 3\"",
		JSON: `{"time":"2025-01-02T03:04:05Z","level":"INFO","msg":"a b","x":1,"g":{"y":"2 3"}}`,
	} {
		e := one(t, Config{Format: f}, func(l *slog.Logger) {
			r := slog.NewRecord(at, slog.LevelInfo, "a b", 0)
			r.AddAttrs(slog.String("y", "2 3"))
			l.With("x", 1).WithGroup("g").Handler().Handle(context.Background(), r)
		})
		if string(e.Line) != want || !e.Time.Equal(at) || show(batch.Entry{Attrs: e.Attrs}) != " level=INFO" {
			t.Errorf("format %d: %s\nwant %s; %v %v", f, e.Line, want, e.Time, e.Attrs)
		}
	}
}

// TestFormatLevel: what is below INFO is in the line too, if it is taken.
func TestFormatLevel(t *testing.T) {
	e := one(t, Config{Format: Text, Level: slog.LevelDebug}, func(l *slog.Logger) { l.Debug("m") })
	if !strings.HasSuffix(string(e.Line), "level=DEBUG msg=m") {
		t.Errorf("got %q", e.Line)
	}
}

// TestFormatPanic: a line comes out all the same, and the next one is whole.
func TestFormatPanic(t *testing.T) {
	src := newSource(t, Config{Format: JSON, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == "fail" {
			panic("no")
		}
		return a
	}})
	l := slog.New(src.Handler())
	l.Info("a", "fail", 1)
	l.With("fail", 1).Info("b")
	l.Info("c")
	all := entries(src)
	if len(all) != 3 || string(all[0].Line) != "a !PANIC: no" || string(all[1].Line) != "b !PANIC: no" || !strings.HasSuffix(string(all[2].Line), `"msg":"c"}`) {
		t.Errorf("got %q", all)
	}
}

// TestLogsWhileLogging: a value that logs when it is asked does not stand in its
// own way.
func TestLogsWhileLogging(t *testing.T) {
	for _, f := range []Format{Message, Text, JSON} {
		src := newSource(t, Config{Format: f})
		l := slog.New(src.Handler()).With("a", 1)
		l.Info("outer", "v", valuer(func() slog.Value { l.Info("inner"); return slog.StringValue("x") }))
		if all := entries(src); len(all) != 2 || !strings.Contains(string(all[0].Line), "inner") || !strings.Contains(string(all[1].Line), "outer") {
			t.Errorf("format %d: %q", f, all)
		}
	}
}

// TestTimes: any time goes through as it is.
func TestTimes(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(0, 0), time.Unix(-1, 999_999_999), time.Date(1600, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		e := one(t, Config{}, func(l *slog.Logger) {
			l.Handler().Handle(context.Background(), slog.NewRecord(at, slog.LevelInfo, "m", 0))
		})
		if !e.Time.Equal(at) || e.Time.IsZero() != at.IsZero() {
			t.Errorf("%v became %v", at, e.Time)
		}
	}
}

// TestAllocs: the usual log call allocates nothing.
func TestAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has pools forget")
	}
	src := newSource(t, Config{})
	h := src.Handler().WithAttrs([]slog.Attr{slog.String("app", "shop")})
	r := aRecord()
	ctx := context.WithValue(context.Background(), traceKey{}, "x")
	if n := testing.AllocsPerRun(1000, func() {
		h.Handle(ctx, r)
		c := src.queue.take()
		src.queue.release(c, true)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
