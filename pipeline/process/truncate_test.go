package process_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline/process"
)

func TestTruncate(t *testing.T) {
	x := process.Must(process.Truncate(process.TruncateConfig{MaxBytes: 20, Marker: "...", MaxAttrBytes: 10}))
	a, v := batch.Attr{Key: "a", Value: "short"}, batch.Attr{Key: "v", Value: "0123456789a"}
	for _, test := range []struct {
		line, want string
		attrs      []batch.Attr
		wantAttrs  []batch.Attr
	}{
		{"", "", nil, nil},
		{"01234567890123456789", "01234567890123456789", []batch.Attr{a}, []batch.Attr{a}},
		{"012345678901234567890", "01234567890123456...", []batch.Attr{a}, []batch.Attr{a, {Key: "original_bytes", Value: "21"}}},
		{"0123456789012345äöü", "0123456789012345...", nil, []batch.Attr{{Key: "original_bytes", Value: "22"}}},
		{strings.Repeat("\xff", 30), strings.Repeat("\xff", 17) + "...", nil, []batch.Attr{{Key: "original_bytes", Value: "30"}}},
		{"x", "x", []batch.Attr{a, v, v}, []batch.Attr{a, {Key: "v", Value: "0123456..."}, {Key: "v", Value: "0123456..."}}},
	} {
		e := through(t, x, test.line, test.attrs...)
		if string(e.Line) != test.want || !slices.Equal(e.Attrs, test.wantAttrs) {
			t.Errorf("%q %v became %q %v, want %q %v", test.line, test.attrs, e.Line, e.Attrs, test.want, test.wantAttrs)
		}
	}
	if s := x.Stats(); s != (process.TruncateStats{Lines: 3, Attrs: 2}) {
		t.Errorf("counted %+v", s)
	}
	e := through(t, process.Must(process.Truncate(process.TruncateConfig{})), strings.Repeat("ä", 200_000))
	if n := len(e.Line); n > 256<<10 || n < 256<<10-3 || !strings.HasSuffix(string(e.Line), "ä…[truncated]") {
		t.Errorf("%d bytes that end in %q", n, e.Line[n-20:])
	}
}

func TestTruncateConfig(t *testing.T) {
	_, err := process.Truncate(process.TruncateConfig{MaxBytes: -1, MaxAttrBytes: -1, Marker: "\xff"})
	names(t, err, "Truncate: MaxBytes", "Truncate: MaxAttrBytes", "Truncate: Marker")
	_, err = process.Truncate(process.TruncateConfig{MaxBytes: 10, MaxAttrBytes: 10})
	names(t, err, "Truncate: MaxBytes", "Truncate: MaxAttrBytes")
}

func BenchmarkTruncate(b *testing.B) {
	bench(b, process.Must(process.Truncate(process.TruncateConfig{})), hadoop)
}

func FuzzTruncate(f *testing.F) {
	f.Add("äöü", 17)
	f.Fuzz(func(t *testing.T, line string, most int) {
		x, err := process.Truncate(process.TruncateConfig{MaxBytes: most, Marker: "…"})
		if err != nil {
			return
		}
		got := string(through(t, x, line).Line)
		if again := string(through(t, x, got).Line); again != got {
			t.Errorf("%q, then %q", got, again)
		}
		if most == 0 || len(line) <= most {
			if got != line && len(line) <= 256<<10 {
				t.Errorf("%q became %q", line, got)
			}
			return
		}
		if head, ok := strings.CutSuffix(got, "…"); !ok || !strings.HasPrefix(line, head) || len(got) > most || len(got) < most-3 || utf8.ValidString(line) && !utf8.ValidString(got) {
			t.Errorf("%q became %q", line, got)
		}
	})
}
