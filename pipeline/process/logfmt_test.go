package process_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
)

var _ pipeline.Processor = (*process.LogfmtParser)(nil)

func TestLogfmt(t *testing.T) {
	const plain = `{app="shop"} stream="stdout"`
	named := process.LogfmtConfig{Labels: map[string]string{"level": "level"}, Attrs: map[string]string{"rhost": "rhost", "user": "user.name"}}
	for _, test := range []struct {
		name, line, want string
		cfg              process.LogfmtConfig
	}{
		{"all", `level=info msg="a \"b\"\n" took=5ms ok user.name=é empty= none=""`, plain + ` level="info" msg="a \"b\"\n" took="5ms" user_name="é"`, process.LogfmtConfig{}},
		{"all: text before", "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure; logname= uid=0 euid=0 rhost=218.188.2.4 ",
			plain + ` uid="0" euid="0" rhost="218.188.2.4"`, process.LogfmtConfig{}},
		{"all: no keys", `GET /x?a=1&b=c (d=e 0=1 =5 "q"=1 x=1=2 y="a"b`, plain + ` x="1=2" y="a"`, process.LogfmtConfig{}},
		{"all: what is there stays", `stream=a stream_extracted=b`, plain + ` stream_extracted="b"`, process.LogfmtConfig{}},
		{"all: a long key", strings.Repeat("k", 129) + `=1 b=2`, plain + ` b="2"`, process.LogfmtConfig{}},
		{"named", `level=info level=warn rhost="10.0.0.1" user=x user.name=root`, `{app="shop", level="warn"} stream="stdout" rhost="10.0.0.1" user="root"`, named},
		{"named: not there", `levels=1 leve=2`, plain, named},
		{"cut", `a="\u00e9\u00e9"`, plain + ` a="é"`, process.LogfmtConfig{MaxValue: 3}},
		{"control characters", "a=1\x00b=2\tc=\x1b[0m", plain + ` a="1" b="2"`, process.LogfmtConfig{}},
	} {
		p := process.Must(process.Logfmt(test.cfg))
		if got := tell(entryOf(t, p, test.line)); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, test.want)
		}
		if s := p.Stats(); s.Parsed != 1 {
			t.Errorf("%s: %+v", test.name, s)
		}
	}
	// What is remembered of one line is not taken for another that only looks alike.
	p := process.Must(process.Logfmt(process.LogfmtConfig{Labels: map[string]string{"l": "l"}}))
	for _, test := range [][2]string{{`l=a\tb`, `a\tb`}, {`l="a\tb"`, "a\uFFFDb"}, {`l=a\tb`, `a\tb`}} {
		if got := entryOf(t, p, test[0]).Labels.Get("l"); got != test[1] {
			t.Errorf("%s: %q, want %q", test[0], got, test[1])
		}
	}
	p = process.Must(process.Logfmt(process.LogfmtConfig{}))
	for _, line := range []string{``, `text`, `a="b`, `a=b c="\"`, `= =`, `"a=b"`} {
		if got := tell(entryOf(t, p, line)); got != plain {
			t.Errorf("%s: %s", line, got)
		}
	}
	if s := p.Stats(); s != (process.ParseStats{Malformed: 6}) {
		t.Errorf("%+v", s)
	}
	if _, err := process.Logfmt(process.LogfmtConfig{Labels: map[string]string{"a": "b c"}, MaxValue: -1}); err == nil ||
		!strings.Contains(err.Error(), `process: Logfmt: Labels: "a": "b c"`) || !strings.Contains(err.Error(), "process: Logfmt: MaxValue") {
		t.Errorf("%v", err)
	}
}

func FuzzLogfmt(f *testing.F) {
	f.Add(`level=info msg="a \"b\"\n" took=5ms`)
	f.Add("a=\xff\x00=\"\\")
	f.Fuzz(func(t *testing.T, line string) {
		p := process.Must(process.Logfmt(process.LogfmtConfig{MaxFields: 5, MaxValue: 20}))
		e := entryOf(t, p, line)
		if len(e.Attrs) > 6 {
			t.Errorf("%q: %v", line, e.Attrs)
		}
		for _, a := range e.Attrs {
			if len(a.Value) > 20 || !batch.ValidName(a.Key) || !utf8.ValidString(a.Value) || a.Value == "" {
				t.Errorf("%q: %v", line, a)
			}
		}
	})
}

const benchLogfmt = `time=2026-01-02T15:04:05.123456789Z level=info caller=http/server.go:184 msg="request served" method=GET ` +
	`path=/api/v1/carts/7f3a2b/items status=200 bytes=5316 duration=12.84ms remote=10.4.18.77:51514 ` +
	`trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7 sampled=true`

func BenchmarkLogfmt(b *testing.B) {
	for _, bench := range []struct {
		name string
		cfg  process.LogfmtConfig
		line string
	}{
		{"labels", process.LogfmtConfig{Labels: map[string]string{"level": "level", "method": "method"}}, benchLogfmt},
		{"nothing there", process.LogfmtConfig{Labels: map[string]string{"severity": "severity"}}, benchLogfmt},
		{"not logfmt", process.LogfmtConfig{}, "Jun 14 15:16:02 combo sshd(pam_unix)[19937]: check pass; user unknown"},
		{"all", process.LogfmtConfig{}, benchLogfmt},
	} {
		b.Run(bench.name, func(b *testing.B) { benchProcess(b, process.Must(process.Logfmt(bench.cfg)), bench.line) })
	}
}
