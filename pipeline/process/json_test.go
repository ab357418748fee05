package process_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
)

var _ pipeline.Processor = (*process.JSONParser)(nil)

// day is a time.
var day = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// entryOf returns what p makes of a line with the labels {app="shop"} and the
// attribute stream=stdout. The line must stay as it was, wherever it is.
func entryOf(t testing.TB, p pipeline.Processor, line string) batch.Entry {
	t.Helper()
	b := batch.New(&batch.Pool{Poison: true}, batch.MustLabels("app", "shop"))
	b.Append(time.Time{}, []byte(line), batch.Attr{Key: "stream", Value: "stdout"})
	attrs, text := b.Entries[0].Attrs, b.Entries[0].Line
	if err := p.Process(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	if string(text) != line || len(attrs) != 1 || attrs[0].Value != "stdout" {
		t.Fatalf("%q: overwritten with %q, %v", line, text, attrs)
	}
	e := b.Entries[0].Clone()
	e.Labels = b.LabelsOf(0)
	b.Settle(nil)
	return e
}

// tell describes an entry that entryOf returned.
func tell(e batch.Entry) string {
	s := e.Labels.String()
	for _, a := range e.Attrs {
		s += fmt.Sprintf(" %s=%q", a.Key, a.Value)
	}
	return s
}

func TestJSON(t *testing.T) {
	const plain = `{app="shop"} stream="stdout"`
	named := process.JSONConfig{Labels: map[string]string{"level": "level", "method": "http.method"},
		Attrs: map[string]string{"trace": "trace.id", "stream": "out", "http": "http", "n": "n"}}
	for _, test := range []struct {
		name, line, want string
		cfg              process.JSONConfig
	}{
		{"all", `{"level":"info","n":1.50,"ok":true,"no":null,"empty":"","list":[1, 2],"o":{"a-b":"x","p":{"q":-1e3}}}`,
			plain + ` level="info" n="1.50" ok="true" list="[1, 2]" o_a_b="x" o_p_q="-1e3"`, process.JSONConfig{}},
		{"all: what is there stays", `{"stream":"forged","stream":"again"}`, plain + ` stream_extracted="again"`, process.JSONConfig{}},
		{"all: odd names", `{"":1,"0":2,"é":3,"a b":4,"a_b":5}`, plain + ` _="1" _0="2" __="3" a_b="5"`, process.JSONConfig{}},
		{"all: escaped", `{"a\u0062":"x\ny\u00e9\ud83d\ude00\"\\"}`, plain + ` ab="x\nyé😀\"\\"`, process.JSONConfig{}},
		{"all: too many", `{"a":1,"b":2,"c":3}`, plain + ` a="1" b="2"`, process.JSONConfig{MaxFields: 2}},
		{"all: a long name", `{"` + strings.Repeat("a", 129) + `":1,"b":{"` + strings.Repeat("a", 127) + `":1},"c":3}`, plain + ` c="3"`, process.JSONConfig{}},
		{"named", `{"level":"info","http":{"method":"GET","x":1},"trace.id":"4bf9","out":"err","n":3}`,
			`{app="shop", level="info", method="GET"} stream="err" http="{\"method\":\"GET\",\"x\":1}" n="3" trace="4bf9"`, named},
		{"named: dots", `{"http.method":"PUT","trace":{"id":"7"}}`, `{app="shop", method="PUT"} stream="stdout" trace="7"`, named},
		{"named: twice", `{"level":"info","level":"warn","n":1,"n":null}`, `{app="shop", level="warn"} stream="stdout"`, named},
		{"named: not there", `{"levels":1,"leve":2,"http":3,"trace":{"i":1,"idx":2}}`, plain + ` http="3"`, named},
		{"named: white space", " {\t\"level\" : \"info\" , \"n\" : 2 } \r", `{app="shop", level="info"} stream="stdout" n="2"`, named},
		{"label: control characters", `{"l":"a\nb\u0000\u001b[31m\u007f"}`, `{app="shop", l="a` + "\uFFFDb\uFFFD\uFFFD[31m\uFFFD" + `"} stream="stdout"`,
			process.JSONConfig{Labels: map[string]string{"l": "l"}}},
		{"label: replaced", `{"a":"till"}`, `{app="till"} stream="stdout"`, process.JSONConfig{Labels: map[string]string{"app": "a"}}},
		{"label: invalid", "{\"a\":\"\xff\xffb\"}", `{app="` + "\uFFFDb" + `"} stream="stdout"`, process.JSONConfig{Labels: map[string]string{"app": "a"}}},
		{"cut", `{"a":"aaé","b":"\u00e9\u00e9","c":"abcd"}`, plain + ` a="aa" b="é" c="abc"`, process.JSONConfig{MaxValue: 3}},
		{"cut within an escape", `{"a":"x` + strings.Repeat(`\u0061`, 10) + `"}`, plain + ` a="xaa"`, process.JSONConfig{MaxValue: 3}},
		{"an escape that does not exist", `{"a":"\x"}`, plain + ` a="\\x"`, process.JSONConfig{}},
		{"an escape that does not exist, of many", `{"a":"b\x` + strings.Repeat("c", 100) + `"}`, plain + ` a="b\\xcc"`, process.JSONConfig{MaxValue: 5}},
		{"empty", `{}`, plain, process.JSONConfig{}},
	} {
		p := process.Must(process.JSON(test.cfg))
		if got := tell(entryOf(t, p, test.line)); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, test.want)
		}
		if s := p.Stats(); s.Parsed != 1 || s.Malformed != 0 {
			t.Errorf("%s: %+v", test.name, s)
		}
	}
}

// What is not one JSON object passes as it is, however much of it looked good.
func TestJSONMalformed(t *testing.T) {
	for _, cfg := range []process.JSONConfig{{}, {Labels: map[string]string{"a": "a"}, Attrs: map[string]string{"b": "b.c"}}} {
		p := process.Must(process.JSON(cfg))
		lines := []string{``, `text`, `[{"a":1}]`, `"a"`, `{"a":"x"`, `{"a":"x","b":`, `{"a":"x"} more`, `{"a":"x",}`, `{"a":"x" "b":1}`, `{"a":x}`,
			`{"a":"x","c":[1}`, `{"b":{"c":1}`, `{"b":{"c":1]}`, `{a:1}`, `{"a":01}`, `{"a":"x","d":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`,
			strings.Repeat(`{"b":`, 100_000), strings.Repeat(`{"b.c":{"b":`, 64) + strings.Repeat("}}", 64)}
		for _, line := range lines {
			if got, want := tell(entryOf(t, p, line)), `{app="shop"} stream="stdout"`; got != want {
				t.Errorf("%.80q: %s", line, got)
			}
		}
		if s := p.Stats(); s != (process.ParseStats{Malformed: int64(len(lines))}) {
			t.Errorf("%+v", s)
		}
	}
}

// However many values lines bring with them, the label sets are bounded, and what
// is not in them is told by attributes.
func TestJSONMaxLabelSets(t *testing.T) {
	p := process.Must(process.JSON(process.JSONConfig{Labels: map[string]string{"user": "user"}, MaxLabelSets: 10}))
	sets := map[batch.Labels]struct{}{}
	for i := range 5000 {
		user := fmt.Sprint("u", i%2500)
		e := entryOf(t, p, fmt.Sprintf(`{"user":%q}`, user))
		sets[e.Labels] = struct{}{}
		want := fmt.Sprintf(`{app="shop", user=%q} stream="stdout"`, user)
		if i%2500 >= 10 {
			want = fmt.Sprintf(`{app="shop", user="other"} stream="stdout" user=%q`, user)
		}
		if got := tell(e); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
	if s := p.Stats(); len(sets) != 11 || s.Overflowed != 5000-20 {
		t.Errorf("%d label sets, %+v", len(sets), s)
	}
}

func TestJSONCut(t *testing.T) {
	p := process.Must(process.JSON(process.JSONConfig{Labels: map[string]string{"l": "l"}, Attrs: map[string]string{"a": "a"}, MaxValue: 4000}))
	long := strings.Repeat(`\u0061`, 5000)
	for range 2 { // the second time, the label is remembered
		e := entryOf(t, p, `{"l":"`+long+`","a":"`+long+`"}`)
		if l, a := e.Labels.Get("l"), e.Attrs[1].Value; l != strings.Repeat("a", 1024) || a != strings.Repeat("a", 4000) {
			t.Errorf("%d and %d bytes", len(l), len(a))
		}
		entryOf(t, p, `{"l":"`+long+`"}`)
		entryOf(t, p, `{"l":"short","a":"short"}`)
	}
	if s := p.Stats(); s.Parsed != 6 || s.Cut != 4 {
		t.Errorf("%+v", s)
	}
}

func TestJSONConfig(t *testing.T) {
	many := map[string]string{}
	for i := range 65 {
		many[fmt.Sprint("f", i)] = "f"
	}
	for want, cfg := range map[string]process.JSONConfig{
		`process: JSON: Labels: "a-b"`:         {Labels: map[string]string{"a-b": "a"}},
		`process: JSON: Labels: "a": no path`:  {Labels: map[string]string{"a": ""}},
		`process: JSON: Attrs: "0"`:            {Attrs: map[string]string{"0": "a"}},
		`process: JSON: Labels and Attrs: 65`:  {Attrs: many},
		`process: JSON: MaxFields: -1`:         {MaxFields: -1},
		`process: JSON: MaxValue: -1`:          {MaxValue: -1},
		`process: JSON: MaxValue: 1000000 is`:  {MaxValue: 1e6},
		`process: JSON: MaxLabelSets: -1 is n`: {MaxFields: -1, MaxLabelSets: -1},
	} {
		if p, err := process.JSON(cfg); p != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", cfg, err, want)
		}
	}
}

// Nothing breaks, all is bounded, another turn changes nothing, and what is taken
// is what encoding/json takes.
func FuzzJSON(f *testing.F) {
	f.Add(`{"a":"x\n","b":{"c":[1,2]},"l":"é","b.c":1}`)
	f.Add(`{"a":"\ud83d","l":"` + "\x00\xff" + `"}`)
	f.Fuzz(func(t *testing.T, line string) {
		all := process.Must(process.JSON(process.JSONConfig{MaxFields: 5, MaxValue: 20}))
		e := entryOf(t, all, line)
		if len(e.Attrs) > 6 {
			t.Errorf("%q: %v", line, e.Attrs)
		}
		for _, a := range e.Attrs {
			if len(a.Value) > 20 || len(a.Key) > 128+len("_extracted") || !batch.ValidName(a.Key) || !utf8.ValidString(a.Value) || a.Value == "" {
				t.Errorf("%q: %v", line, a)
			}
		}
		p := process.Must(process.JSON(process.JSONConfig{Labels: map[string]string{"l": "l"}, Attrs: map[string]string{"a": "a"}}))
		e = entryOf(t, p, line)
		if again := entryOf(t, p, line); tell(again) != tell(e) {
			t.Errorf("%q: %s, and then %s", line, tell(e), tell(again))
		}
		var fields map[string]any
		err := json.Unmarshal([]byte(line), &fields)
		if s := p.Stats(); err == nil && fields != nil && s.Malformed > 0 && strings.Count(line, "[")+strings.Count(line, "{") <= 64 {
			t.Errorf("%q is an object", line)
		}
		if err != nil || p.Stats().Malformed > 0 || !utf8.ValidString(line) {
			return
		}
		if s, ok := fields["a"].(string); ok && len(s) <= 1024 && s != "" && (len(e.Attrs) != 2 || e.Attrs[1].Value != s) {
			t.Errorf("%q: %v, want %q", line, e.Attrs, s)
		}
	})
}

// benchJSON is a line of 300 bytes, as services write them.
const benchJSON = `{"time":"2026-01-02T15:04:05.123456789Z","level":"info","caller":"http/server.go:184","msg":"request served","method":"GET",` +
	`"path":"/api/v1/carts/7f3a2b/items","status":200,"bytes":5316,"duration_ms":12.84,"remote":"10.4.18.77:51514",` +
	`"trace":{"id":"4bf92f3577b34da6a3ce929d0e0e4736","sampled":true}}`

// benchProcess measures p on batches of 500 entries with these lines.
func benchProcess(b *testing.B, p pipeline.Processor, lines ...string) {
	b.Helper()
	const entries = 500
	b.ReportAllocs()
	pool := new(batch.Pool)
	l := batch.MustLabels("app", "shop")
	var texts [][]byte
	for _, line := range lines {
		texts = append(texts, []byte(line))
	}
	var spent time.Duration
	next := 0
	for b.Loop() {
		x := batch.New(pool, l)
		x.Grow(entries)
		for range entries {
			x.AppendShared(time.Time{}, texts[next%len(texts)])
			next++
		}
		from := time.Now()
		if err := p.Process(context.Background(), x); err != nil {
			b.Fatal(err)
		}
		spent += time.Since(from)
		x.Settle(nil)
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/entries, "ns/entry")
}

func BenchmarkJSON(b *testing.B) {
	for _, bench := range []struct {
		name string
		cfg  process.JSONConfig
		line string
	}{
		{"labels", process.JSONConfig{Labels: map[string]string{"level": "level", "method": "method"}}, benchJSON},
		{"label and attribute", process.JSONConfig{Labels: map[string]string{"level": "level"}, Attrs: map[string]string{"trace_id": "trace.id"}}, benchJSON},
		{"nothing there", process.JSONConfig{Labels: map[string]string{"severity": "severity"}}, benchJSON},
		{"not JSON", process.JSONConfig{}, "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure"},
		{"all", process.JSONConfig{}, benchJSON},
	} {
		b.Run(bench.name, func(b *testing.B) { benchProcess(b, process.Must(process.JSON(bench.cfg)), bench.line) })
	}
	b.Run("encoding/json for comparison", func(b *testing.B) {
		var fields struct{ Level, Method string }
		b.ReportAllocs()
		for b.Loop() {
			if err := json.Unmarshal([]byte(benchJSON), &fields); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ever new labels", func(b *testing.B) {
		var lines []string
		for i := range 5000 { // more than are remembered
			lines = append(lines, fmt.Sprintf(`{"user":"u%d"}`, i))
		}
		benchProcess(b, process.Must(process.JSON(process.JSONConfig{Labels: map[string]string{"user": "user"}})), lines...)
	})
}
