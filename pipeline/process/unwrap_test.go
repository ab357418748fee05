package process_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
	"github.com/logferry/logferry/source/record"
)

var _ pipeline.Processor = (*process.Unwrapper)(nil)

func TestUnwrap(t *testing.T) {
	const at = "2016-10-06T00:17:09.669794202Z"
	both := process.UnwrapConfig{}
	for _, test := range []struct {
		line, text, time, attrs string
		cfg                     process.UnwrapConfig
	}{
		{`{"log":"plain\n","stream":"stderr","time":"` + at + `"}`, "plain", at, ` stream="stderr"`, both},
		{`{"stream":"stdout","log":"other order\n","time":"` + at + `"}`, "other order", at, ` stream="stdout"`, both},
		{`{"log":"a \"b\"\t\u00e9\n","stream":"stdout"}`, "a \"b\"\té", "", ` stream="stdout"`, both},
		{`{"log":"piece","stream":"stdout"}`, "piece", "", ` stream="stdout" partial="true"`, both},
		{`{"log":"x\n","attrs":{"com.example/team":"blue","":"x"}}`, "x", "", ` stream="stdout" com.example/team="blue"`, both},
		{`{"log":"\n","stream":"stderr"}`, "", "", ` stream="stderr"`, both},
		{at + " stderr F plain", "plain", at, ` stream="stderr"`, both},
		{at + " stderr P piece ", "piece ", at, ` stream="stderr" partial="true"`, both},
		{at + " stderr F", "", at, ` stream="stderr"`, both},
		{`{"log":"plain\n","stream":"stderr"}`, "plain", "", ` stream="stderr"`, process.UnwrapConfig{Format: record.DockerJSON}},
		{at + " stderr F plain", "plain", at, ` stream="stderr"`, process.UnwrapConfig{Format: record.CRI}},
	} {
		p := process.Must(process.Unwrap(test.cfg))
		e := entryOf(t, p, test.line)
		when := ""
		if !e.Time.IsZero() {
			when = e.Time.Format(time.RFC3339Nano)
		}
		if got := strings.TrimPrefix(tell(e), `{app="shop"}`); string(e.Line) != test.text || when != test.time || got != test.attrs {
			t.Errorf("%s: %q at %s with%s", test.line, e.Line, when, got)
		}
		if s := p.Stats(); s.Unwrapped != 1 || s.Malformed != 0 || (s.Partial == 1) != strings.Contains(test.attrs, "partial") {
			t.Errorf("%s: %+v", test.line, s)
		}
	}
}

// What is in no format passes as it is, and so does a line that says of itself that
// it is more than it can be.
func TestUnwrapMalformed(t *testing.T) {
	for f, lines := range map[record.Format][]string{
		record.Plain:      {"", "text", "{", `{"a":1}`, `{"log":1}`, `{"log":"a`, "2016-10-06T00:17:09Z stdin F x"},
		record.DockerJSON: {"2016-10-06T00:17:09Z stdout F x"},
		record.CRI:        {`{"log":"plain\n","stream":"stderr"}`},
	} {
		p := process.Must(process.Unwrap(process.UnwrapConfig{Format: f}))
		for _, line := range lines {
			if e := entryOf(t, p, line); string(e.Line) != line || tell(e) != `{app="shop"} stream="stdout"` {
				t.Errorf("%q: %q %s", line, e.Line, tell(e))
			}
		}
		if s := p.Stats(); s != (process.UnwrapStats{Malformed: int64(len(lines))}) {
			t.Errorf("%v: %+v", f, s)
		}
	}
	var attrs []string
	for i := range 100 {
		attrs = append(attrs, fmt.Sprintf(`"k%d":"%s"`, i, strings.Repeat("v", 2000)))
	}
	p := process.Must(process.Unwrap(process.UnwrapConfig{}))
	e := entryOf(t, p, `{"log":"x\n","attrs":{`+strings.Join(attrs, ",")+`}}`)
	if n := len(e.Attrs); n != 65 || len(e.Attrs[64].Value) != 1024 || p.Stats().Cut != 1 {
		t.Errorf("%d attributes, %+v", n, p.Stats())
	}
	if _, err := process.Unwrap(process.UnwrapConfig{Format: 9}); err == nil || !strings.Contains(err.Error(), "process: Unwrap: Format: there is no Format(9)") {
		t.Error(err)
	}
}

// Where the text of a line is not a part of it, it outlives the lines behind it.
func TestUnwrapKeepsLines(t *testing.T) {
	p := process.Must(process.Unwrap(process.UnwrapConfig{}))
	b := batch.New(&batch.Pool{Poison: true}, batch.Labels{})
	for i := range 100 {
		b.Append(day, fmt.Appendf(nil, `{"log":"\u0061 %d\n"}`, i))
		b.Append(day, fmt.Appendf(nil, `{"log":"b %d\n"}`, i))
		b.Append(day, fmt.Appendf(nil, "2016-10-06T00:17:09Z stdout F c %d", i))
	}
	if err := p.Process(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for i := range b.Entries {
		if got, want := string(b.Entries[i].Line), fmt.Sprintf("%c %d", 'a'+i%3, i/3); got != want {
			t.Errorf("entry %d: %q, want %q", i, got, want)
		}
	}
	b.Settle(nil)
}

func FuzzUnwrap(f *testing.F) {
	f.Add(`{"log":"a\u00e9\n","stream":"stdout","attrs":{"a":"b"},"time":"2024-02-29T23:59:59.123456789Z"}`)
	f.Add("2016-10-06T00:17:09.669794202Z stdout P:x log content 1")
	f.Fuzz(func(t *testing.T, line string) {
		p := process.Must(process.Unwrap(process.UnwrapConfig{}))
		e := entryOf(t, p, line)
		if len(e.Line) > len(line) || len(e.Attrs) > 66 {
			t.Errorf("%q: %q %v", line, e.Line, e.Attrs)
		}
	})
}

func BenchmarkUnwrap(b *testing.B) {
	text := strings.Repeat("x", 200)
	for _, bench := range []struct{ name, line string }{
		{"docker-json", `{"log":"` + text + `\n","stream":"stdout","time":"2016-10-06T00:17:09.669794202Z"}`},
		{"docker-json, escapes", `{"log":"\t` + text + `\n","stream":"stdout","time":"2016-10-06T00:17:09.669794202Z"}`},
		{"cri", "2016-10-06T00:17:09.669794202Z stdout F " + text},
		{"neither", text},
	} {
		b.Run(bench.name, func(b *testing.B) { benchProcess(b, process.Must(process.Unwrap(process.UnwrapConfig{})), bench.line) })
	}
}
