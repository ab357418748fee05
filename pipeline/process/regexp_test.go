package process_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
)

var _ pipeline.Processor = (*process.RegexpParser)(nil)

const (
	apacheLine = "[Sun Dec 04 04:47:44 2005] [error] mod_jk child workerEnv in error state 6"
	accessLine = `10.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326 "http://x/\"" "Mozilla/4.08 [en]"`
)

func TestRegexp(t *testing.T) {
	const plain = `{app="shop"} stream="stdout"`
	apache := `^\[[^\]]+\] \[(?P<level>\w+)\](?: \[client (?P<client>[^\]]+)\])? (?P<module>\w+)`
	for _, test := range []struct {
		name, line, want string
		cfg              process.RegexpConfig
	}{
		{"access log", accessLine, plain + ` agent="Mozilla/4.08 [en]" bytes="2326" method="GET" path="/a.gif" proto="HTTP/1.0"` +
			` referer="http://x/\\\"" remote="10.0.0.1" status="200" time="10/Oct/2000:13:55:36 -0700" user="frank"`, process.RegexpConfig{}},
		{"common log", `h - - [t] "GET /" 304 -`, plain + ` bytes="-" method="GET" path="/" remote="h" status="304" time="t" user="-"`, process.RegexpConfig{}},
		{"a group without a match", apacheLine, plain + ` level="error" module="mod_jk"`, process.RegexpConfig{Pattern: apache}},
		{"labels", apacheLine, `{app="shop", level="error"} stream="stdout" m="mod_jk"`,
			process.RegexpConfig{Pattern: apache, Labels: map[string]string{"level": "level"}, Attrs: map[string]string{"m": "module"}}},
		{"within MaxInput", "aaab", plain + ` b="aaa"`, process.RegexpConfig{Pattern: `(?P<b>[ab]+)`, MaxInput: 3}},
		{"escapes are none", `x\n`, plain + ` b="x\\n"`, process.RegexpConfig{Pattern: `(?<b>.+)`}},
		{"invalid", "x\xff", plain + ` b="x` + "\uFFFD" + `"`, process.RegexpConfig{Pattern: `(?<b>.+)`}},
	} {
		p := process.Must(process.Regexp(test.cfg))
		if got := tell(entryOf(t, p, test.line)); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, test.want)
		}
		if got := tell(entryOf(t, p, "")); got != plain {
			t.Errorf("%s: %s of an empty line", test.name, got)
		}
		if s := p.Stats(); s != (process.ParseStats{Parsed: 1, Malformed: 1}) {
			t.Errorf("%s: %+v", test.name, s)
		}
	}
}

func TestRegexpConfig(t *testing.T) {
	for want, cfg := range map[string]process.RegexpConfig{
		"process: Regexp: Pattern: error parsing": {Pattern: "("},
		"process: Regexp: Pattern: no group":      {Pattern: "(a)"},
		`process: Regexp: Labels: "x": the patt`:  {Labels: map[string]string{"x": "nowhere"}},
		"process: Regexp: MaxInput: -1":           {Pattern: "(", MaxInput: -1},
	} {
		if _, err := process.Regexp(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", cfg, err, want)
		}
	}
}

func FuzzRegexp(f *testing.F) {
	f.Add(accessLine)
	f.Add(`h - - [t] "GET /" 304 -`)
	f.Fuzz(func(t *testing.T, line string) {
		p := process.Must(process.Regexp(process.RegexpConfig{MaxValue: 20}))
		for _, a := range entryOf(t, p, line).Attrs {
			if len(a.Value) > 20 || !utf8.ValidString(a.Value) || a.Value == "" {
				t.Errorf("%q: %v", line, a)
			}
		}
	})
}

func BenchmarkRegexp(b *testing.B) {
	label := map[string]string{"level": "level"}
	for _, bench := range []struct {
		name, line string
		cfg        process.RegexpConfig
	}{
		{"access log", accessLine, process.RegexpConfig{}},
		{"a label", apacheLine, process.RegexpConfig{Pattern: `^\[[^\]]+\] \[(?P<level>\w+)\]`, Labels: label}},
		{"no match", benchJSON, process.RegexpConfig{Pattern: `^\[[^\]]+\] \[(?P<level>\w+)\]`, Labels: label}},
	} {
		b.Run(bench.name, func(b *testing.B) { benchProcess(b, process.Must(process.Regexp(bench.cfg)), bench.line) })
	}
}
