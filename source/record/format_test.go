package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
)

func decode(t *testing.T, f Format, line string) (Line, error) {
	t.Helper()
	var l Line
	err := NewDecoder(f).Decode([]byte(line), &l)
	if err != nil {
		if !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v is no ErrFormat", line, err)
		}
		if string(l.Text) != line || l.Partial || l.Stream != None || !l.Time.IsZero() || l.Attrs != nil {
			t.Errorf("%q: a line that is not in the format became %+v", line, l)
		}
	}
	return l, err
}

func TestDocker(t *testing.T) {
	at := time.Date(2024, 2, 29, 23, 59, 59, 123456789, time.UTC)
	for _, test := range []struct {
		line string
		want Line
		text string
	}{
		{`{"log":"a\n","stream":"stdout","time":"2024-02-29T23:59:59.123456789Z"}`, Line{Time: at, Stream: Stdout}, "a"},
		{`{"time":"2024-03-01T01:59:59.123456789+02:00","stream":"stderr","log":"a"}`, Line{Time: at, Stream: Stderr, Partial: true}, "a"},
		{` { "log" : "\n" , "other" : [ {"log":"no"}, "]" , null ] } `, Line{}, ""},
		{`{"log":""}`, Line{Partial: true}, ""},
		{`{"log":"\"\\\/\b\f\r\t\u00e9\ud83d\ude00\ud83dx\udc00\u0000\\n"}`, Line{Partial: true}, "\"\\/\b\f\r\té😀\uFFFDx\uFFFD\x00\\n"},
		{`{"log":"a\u000a"}`, Line{}, "a"},
		{`{"log":"a\nb\n\n"}`, Line{}, "a\nb\n"},
		{`{"l\u006fg":"first","log":"last\n","stream":"stdin"}`, Line{}, "last"},
		{"{\"log\":\"\xff raw\\n\"}", Line{}, "\xff raw"},
		{`{"log":"a\n","attrs":{"tag":"x\"y","b":"1"}}`, Line{Attrs: []batch.Attr{{Key: "tag", Value: `x"y`}, {Key: "b", Value: "1"}}}, "a"},
		{`{"log":"a\n","attrs":null}`, Line{}, "a"},
	} {
		got, err := decode(t, DockerJSON, test.line)
		if err != nil || string(got.Text) != test.text || !slices.Equal(got.Attrs, test.want.Attrs) {
			t.Errorf("%s: %q %v %v, want %q %v", test.line, got.Text, got.Attrs, err, test.text, test.want.Attrs)
		}
		if !got.Time.Equal(test.want.Time) || got.Stream != test.want.Stream || got.Partial != test.want.Partial {
			t.Errorf("%s: %+v, want %+v", test.line, got, test.want)
		}
	}
	for _, bad := range []string{
		``, `plain text`, `{`, `{}`, `[]`, `"log"`, `{"log":1}`, `{"log":null}`, `{"log":"a}`, `{"log":"a"`, `{"log":"a",}`, `{"log":"a"}x`,
		`{"log":"a","x":tru}`, `{"log":"a","x":[}}`, `{"log":"\x"}`, `{"log":"\u12"}`, `{"log":"a","time":"yesterday"}`, `{"log":"a","time":1}`,
		`{"log":"a","attrs":1}`, `{"log":"a","attrs":{"a":1}}`, `{"log":"a","attrs":{"a"}}`, `{"log":"a" "stream":"stdout"}`, `{"log" "a"}`, `{log:"a"}`,
		`{"log":"\`, `{"log":"a\"}`,
	} {
		if l, err := decode(t, DockerJSON, bad); err == nil {
			t.Errorf("%s: accepted as %+v", bad, l)
		}
	}
}

func TestCRI(t *testing.T) {
	at := time.Date(2016, 10, 6, 0, 17, 9, 669794202, time.UTC)
	for line, want := range map[string]Line{
		"2016-10-06T00:17:09.669794202Z stdout P log content 1":      {Time: at, Stream: Stdout, Partial: true, Text: []byte("log content 1")},
		"2016-10-06T02:17:09.669794202+02:00 stderr F ":              {Time: at, Stream: Stderr},
		"2016-10-06T00:17:09.669794202Z stderr F":                    {Time: at, Stream: Stderr},
		"2016-10-06T00:17:09.669794202Z stdout F:tag  two  spaces  ": {Time: at, Stream: Stdout, Text: []byte(" two  spaces  ")},
		"2016-10-06T00:17:09.669794202Z stdout P:x:y \xff":           {Time: at, Stream: Stdout, Partial: true, Text: []byte("\xff")},
	} {
		got, err := decode(t, CRI, line)
		if err != nil || !bytes.Equal(got.Text, want.Text) || !got.Time.Equal(want.Time) || got.Stream != want.Stream || got.Partial != want.Partial {
			t.Errorf("%q: %+v, %v", line, got, err)
		}
	}
	for _, bad := range []string{
		"", "text", "2016-10-06T00:17:09Z", "2016-10-06T00:17:09Z stdin F a", "2016-10-06T00:17:09Z stdout X a", "2016-10-06T00:17:09Z stdout  F a",
		"2016-10-06T00:17:09Z stdout FF a", " 2016-10-06T00:17:09Z stdout F a", "2016-02-30T00:17:09Z stdout F a", "2016-10-06T24:17:09Z stdout F a",
		"2016-10-06T00:17:09 stdout F a",
	} {
		if l, err := decode(t, CRI, bad); err == nil {
			t.Errorf("%q: accepted as %+v", bad, l)
		}
	}
}

// naiveTime takes what the standard library takes and is in the form of RFC
// 3339, about which time.Time.UnmarshalText is not strict.
func naiveTime(s string) (t time.Time, ok bool) {
	ok = rfc3339.MatchString(s) && t.UnmarshalText([]byte(s)) == nil
	return t, ok
}

var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

func FuzzTime(f *testing.F) {
	for _, s := range []string{
		"2016-10-06T00:17:09.669794202Z", "2016-10-06T00:17:09+02:00", "2016-02-29T23:59:59.1-23:59", "2015-02-29T00:00:00Z",
		"0000-01-01T00:00:00Z", "2016-10-06T00:17:09.12345678901Z", "2016-10-06T00:17:60Z", "2016-10-06T00:17:09.Z", "2016-10-06T00:17:09+24:00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, wantOK := naiveTime(s)
		got, ok := ParseTime([]byte(s))
		if ok != wantOK || ok && (!got.Equal(want) || got.Location() != time.UTC) {
			t.Errorf("%q: %v %v, want %v %v", s, got, ok, want, wantOK)
		}
	})
}

// naiveCRI does it the obvious way.
func naiveCRI(line string) (l Line, ok bool) {
	fields := strings.SplitN(line, " ", 4)
	if len(fields) < 3 || fields[1] != "stdout" && fields[1] != "stderr" {
		return l, false
	}
	tag := strings.Split(fields[2], ":")[0]
	at, ok := naiveTime(fields[0])
	if l.Time = at; !ok || tag != "P" && tag != "F" {
		return l, false
	}
	l.Partial = tag == "P"
	l.Stream = map[string]Stream{"stdout": Stdout, "stderr": Stderr}[fields[1]]
	if len(fields) == 4 {
		l.Text = []byte(fields[3])
	}
	return l, true
}

func FuzzCRI(f *testing.F) {
	f.Add("2016-10-06T00:17:09.669794202Z stdout P:x log content 1")
	f.Add("2016-10-06T00:17:09+02:00 stderr F")
	f.Fuzz(func(t *testing.T, line string) {
		want, ok := naiveCRI(line)
		got, err := decode(t, CRI, line)
		if ok != (err == nil) {
			t.Fatalf("%q: %v, want %v", line, err, ok)
		}
		if ok && (!got.Time.Equal(want.Time) || got.Stream != want.Stream || got.Partial != want.Partial || !bytes.Equal(got.Text, want.Text)) {
			t.Errorf("%q: %+v, want %+v", line, got, want)
		}
	})
}

// naiveDocker decodes with encoding/json.
func naiveDocker(line string) (l Line, ok bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(line), &fields) != nil {
		return l, false
	}
	var log *string
	if json.Unmarshal(fields["log"], &log) != nil || log == nil {
		return l, false
	}
	text, whole := strings.CutSuffix(*log, "\n")
	l.Text, l.Partial = []byte(text), !whole
	var stream string
	json.Unmarshal(fields["stream"], &stream)
	l.Stream = streamOf([]byte(stream))
	if raw, given := fields["time"]; given {
		var s *string
		if json.Unmarshal(raw, &s) != nil || s == nil {
			return l, false
		}
		if l.Time, ok = naiveTime(*s); !ok {
			return l, false
		}
	}
	if raw, given := fields["attrs"]; given {
		var attrs map[string]*string
		if json.Unmarshal(raw, &attrs) != nil {
			return l, false
		}
		for k, v := range attrs {
			if v == nil {
				return l, false
			}
			l.Attrs = append(l.Attrs, batch.Attr{Key: k, Value: *v})
		}
	}
	return l, true
}

// doubled reports whether a field of the object comes twice.
func doubled(line string) bool {
	d := json.NewDecoder(strings.NewReader(line))
	seen := map[string]bool{}
	for depth, key := 0, true; ; {
		token, err := d.Token()
		if err != nil {
			return false
		}
		switch token := token.(type) {
		case json.Delim:
			if depth++; token == '}' || token == ']' {
				depth -= 2
			}
			if depth == 1 {
				key = true
			}
			continue
		case string:
			if depth == 1 && key {
				if seen[token] {
					return true
				}
				seen[token], key = true, false
				continue
			}
		}
		if depth == 1 {
			key = true
		}
	}
}

// sortAttrs leaves the last of each key, sorted.
func sortAttrs(attrs []batch.Attr) []batch.Attr {
	last := map[string]string{}
	for _, a := range attrs {
		last[a.Key] = a.Value
	}
	var all []batch.Attr
	for k, v := range last {
		all = append(all, batch.Attr{Key: k, Value: v})
	}
	slices.SortFunc(all, func(a, b batch.Attr) int { return strings.Compare(a.Key, b.Key) })
	return all
}

func FuzzDocker(f *testing.F) {
	f.Add(`{"log":"a\u00e9\ud83d\ude00\"\\\n","stream":"stdout","attrs":{"a":"b","c":"d"},"time":"2024-02-29T23:59:59.123456789Z"}`)
	f.Add(`{"log":"a","stream":null,"x":[1,-2.5e3,true,{"y":"}"}],"time":"2024-02-29T23:59:59Z"}`)
	f.Add(`{"log":"\ud83d\u0041\ud83d","l\u006fg":"\n"}`)
	f.Fuzz(func(t *testing.T, line string) {
		got, err := decode(t, DockerJSON, line)
		if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' }) {
			return // let through, which encoding/json does not: nothing must break
		}
		want, ok := naiveDocker(line)
		switch {
		case json.Valid([]byte(line)) && doubled(line):
			return // of several, encoding/json knows the last one only
		case ok != (err == nil):
			t.Fatalf("%q: %v %+v, want %v", line, err, got, ok)
		case !ok:
			return
		}
		if !got.Time.Equal(want.Time) || got.Stream != want.Stream || got.Partial != want.Partial || !bytes.Equal(got.Text, want.Text) {
			t.Errorf("%q: %+v, want %+v", line, got, want)
		}
		if a, b := sortAttrs(got.Attrs), sortAttrs(want.Attrs); !slices.Equal(a, b) {
			t.Errorf("%q: attributes %v, want %v", line, a, b)
		}
	})
}

// A decoder's memory is used again, and what it gave out as attributes is not.
func TestDecoderReuse(t *testing.T) {
	d := NewDecoder(DockerJSON)
	var a, b Line
	first := `{"log":"a\tb\n","attrs":{"k":"1"}}`
	d.Decode([]byte(first), &a)
	attrs := a.Attrs
	d.Decode([]byte(`{"log":"c\td\n","attrs":{"k":"2"}}`), &b)
	if attrs[0].Value != "1" || b.Attrs[0].Value != "2" {
		t.Errorf("attributes %v, then %v", attrs, b.Attrs)
	}
	line := []byte(`{"log":"c\td\n","stream":"stdout","attrs":{"k":"2"},"time":"2024-03-01T01:59:59.123456789+02:00"}`)
	if n := testing.AllocsPerRun(100, func() { d.Decode(line, &b) }); n != 0 {
		t.Errorf("%v allocations per line", n)
	}
	bad := []byte(`not JSON`)
	if n := testing.AllocsPerRun(100, func() { d.Decode(bad, &b) }); n != 0 {
		t.Errorf("%v allocations per line that is not in the format", n)
	}
	cri := NewDecoder(CRI)
	line = []byte("2016-10-06T00:17:09.669794202+02:00 stdout F text")
	if n := testing.AllocsPerRun(100, func() { cri.Decode(line, &b) }); n != 0 {
		t.Errorf("%v allocations per line", n)
	}
}

func TestFormatNames(t *testing.T) {
	for f, name := range map[Format]string{Plain: "plain", DockerJSON: "docker-json", CRI: "cri", 9: "Format(9)"} {
		if f.String() != name || f.Valid() != (f < 9) {
			t.Errorf("%d: %v %v", uint8(f), f, f.Valid())
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("NewDecoder took a format that does not exist")
		}
	}()
	NewDecoder(9)
}

func TestCutText(t *testing.T) {
	for _, test := range []struct {
		text string
		max  int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"aé", 2, "a"}, {"a😀", 4, "a"}, {"a😀b", 5, "a😀"}, {"\xff\xff\xff", 2, "\xff\xff"},
		{"\x80\x80\x80\x80\x80\x80", 5, "\x80\x80\x80\x80\x80"}, {"é", 1, "\xc3"}, {"", 0, ""}, {"a", 0, ""},
	} {
		if got := Cut([]byte(test.text), test.max); string(got) != test.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", test.text, test.max, got, test.want)
		}
	}
}
