package process_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
)

var _ pipeline.Processor = (*process.LevelDetector)(nil)

// levelOf returns the attribute level that p gives a line.
func levelOf(t testing.TB, p pipeline.Processor, line string) string {
	t.Helper()
	for _, a := range entryOf(t, p, line).Attrs {
		if a.Key == "level" {
			return a.Value
		}
	}
	return ""
}

func TestLevel(t *testing.T) {
	p := process.Must(process.Level(process.LevelConfig{}))
	for line, want := range map[string]string{
		// JSON
		`{"level":"WARNING","msg":"x"}`:                         "warn",
		`{"msg":"ERROR x","severity":"notice"}`:                 "info",
		`{"log":{"level":"error"},"level":"info"}`:              "error",
		`{"log":{"x":{"level":"error"}},"Level":"dbg"}`:         "debug",
		`{"log":{"log":{"level":"error"}},"lvl":"info"}`:        "info",
		`{"log.level":"fatal"}`:                                 "fatal",
		`{"level":30}`:                                          "info",
		`{"level":"50"}`:                                        "error",
		`{"level":3}`:                                           "error",
		`{"level":7}`:                                           "debug",
		`{"level":9}`:                                           "",
		`{"level":35,"lvl":"trace"}`:                            "info",
		`{"level":true,"lvl":"trace"}`:                          "trace",
		`{"error":"no such file","n":1}`:                        "",
		`{"msg":"a","level":"er`:                                "",
		`{"level":{"level":"info"}}`:                            "",
		`{"a":[{"level":"info"}]}`:                              "",
		`{"log":"x ERROR y\n","stream":"stdout"}`:               "error",
		`{"a":"` + strings.Repeat("x", 5000) + `","lvl":"inf"}`: "",
		// logfmt
		`ts=1 lvl=eror level=crit`:            "critical",
		`level=info msg="set level=debug"`:    "info",
		`msg="set level=debug" level=warn`:    "warn",
		`msg="set level=debug"`:               "",
		`xlevel=info level=`:                  "",
		`LEVEL="Error" x`:                     "error",
		`level="Info`:                         "",
		`time=x SEVERITY=INFORMATIONAL FATAL`: "info",
		// syslog, klog
		`<13>Jan  2 15:04:05 host app: ERROR`:    "info",
		`<0>1 2003-10-11T22:14:15Z`:              "fatal",
		`<191>x`:                                 "debug",
		`<192>x`:                                 "",
		`<>x`:                                    "",
		`<1`:                                     "",
		`E0523 15:04:05.123456   1 main.go:7] x`: "error",
		`I0523 15:04:05 x`:                       "info",
		`E0523 15:04:05:`:                        "error",
		`W0102 03:04:05.6 INFO`:                  "warn",
		// words
		`2015-07-29 17:41:44,747 - WARN  [main] x`: "warn",
		apacheLine:                               "error",
		"[Sun Dec 04 04:47:44 2005] [notice] x":  "info",
		"error: cannot":                          "error",
		"Warning: x":                             "warn",
		"panic: x":                               "fatal",
		"3:04PM INF x":                           "info",
		"\x1b[31mERROR\x1b[0m x":                 "error",
		"081109 203615 148 INFO dfs.DataNode: x": "info",
		"I0523 x INFO":                           "info",
		"Dec 10 11:03:40 LabSZ sshd[25448]: error: Received disconnect": "error",
		"a:error: x": "", "a error: x": "",
		"(debug) x":                         "debug",
		"<trace> x":                         "trace",
		"a|FATAL|x":                         "fatal",
		"no error found":                    "",
		"[errors] x":                        "",
		"[error x]":                         "",
		"ERRORS INFORM Error":               "",
		"NO-ERROR x":                        "",
		"an error: x":                       "",
		"authentication failure":            "",
		"E":                                 "",
		"":                                  "",
		"ERROR":                             "error",
		strings.Repeat("x ", 100) + "ERROR": "",
		strings.Repeat("x", 123) + " WARN":  "",
	} {
		if got := levelOf(t, p, line); got != want {
			t.Errorf("%.80q: %q, want %q", line, got, want)
		}
	}
}

// What is known of an entry comes first, and what is there stays unless it can be
// said in better words.
func TestLevelKnown(t *testing.T) {
	const line = "INFO x"
	for _, test := range []struct {
		cfg    process.LevelConfig
		labels batch.Labels
		attrs  []batch.Attr
		want   string
	}{
		{process.LevelConfig{}, batch.Labels{}, nil, `{} level="info"`},
		{process.LevelConfig{}, batch.Labels{}, []batch.Attr{{Key: "a", Value: "b"}, {Key: "Severity", Value: "Warning"}}, `{} a="b" Severity="Warning" level="warn"`},
		{process.LevelConfig{}, batch.Labels{}, []batch.Attr{{Key: "level", Value: "ERR"}, {Key: "a", Value: "b"}}, `{} level="error" a="b"`},
		{process.LevelConfig{}, batch.Labels{}, []batch.Attr{{Key: "level", Value: "7.5 m"}}, `{} level="info"`},
		{process.LevelConfig{}, batch.MustLabels("level", "Fatal"), nil, `{level="Fatal"} level="fatal"`},
		{process.LevelConfig{Label: "level"}, batch.MustLabels("level", "Fatal"), nil, `{level="fatal"}`},
		{process.LevelConfig{Label: "level"}, batch.MustLabels("a", "b"), nil, `{a="b", level="info"}`},
		{process.LevelConfig{Label: "l", Attr: "detected_level"}, batch.Labels{}, nil, `{l="info"} detected_level="info"`},
		{process.LevelConfig{Attr: "x", Label: "l", Fields: []string{}}, batch.MustLabels("l", "FATAL"), []batch.Attr{{Key: "level", Value: "warn"}},
			`{l="fatal"} level="warn" x="fatal"`},
		{process.LevelConfig{Attr: "x", Fields: []string{}}, batch.MustLabels("level", "fatal"), nil, `{level="fatal"} x="info"`},
	} {
		p := process.Must(process.Level(test.cfg))
		b := batch.New(nil, test.labels)
		b.Append(day, []byte(line), test.attrs...)
		for range 2 {
			before := slices.Clone(test.attrs)
			if err := p.Process(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			e := b.Entries[0]
			e.Labels = b.LabelsOf(0)
			if got := tell(e); got != test.want {
				t.Errorf("%+v: %s, want %s", test, got, test.want)
			}
			if !slices.Equal(before, test.attrs) {
				t.Error("attributes were overwritten")
			}
		}
		if s := p.Stats(); s != (process.LevelStats{Detected: 2}) {
			t.Errorf("%+v", s)
		}
	}
}

func TestLevelConfig(t *testing.T) {
	_, err := process.Level(process.LevelConfig{Attr: "a-b", Label: "0", Fields: []string{"a", ""}})
	for _, want := range []string{"process: Level: Attr", "process: Level: Label", "process: Level: Fields[1]"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: nothing like %s", err, want)
		}
	}
}

func TestSeverity(t *testing.T) {
	for s := process.SeverityTrace; s <= process.SeverityFatal; s++ {
		if got := process.ParseSeverity(strings.ToUpper(s.String())); got != s {
			t.Errorf("%v is read as %v", s, got)
		}
	}
	for _, word := range []string{"", "unknown", "no", "30", strings.Repeat("error", 100)} {
		if s := process.ParseSeverity(word); s != process.SeverityUnknown || s.String() != "" {
			t.Errorf("%q is read as %v", word, s)
		}
	}
	if process.Severity(100).String() != "" {
		t.Error("a severity that does not exist has a name")
	}
}

// How many lines of real logs have a level, and that it is theirs.
func TestLevelOfRealLogs(t *testing.T) {
	for name, want := range map[string]map[string]int{
		"Apache.log": {"info": 1405, "error": 595}, "HDFS.log": {"info": 1920, "warn": 80}, "Zookeeper.log": {"info": 669, "warn": 1318, "error": 13},
	} {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "logs", name))
		if err != nil {
			t.Skip(err)
		}
		p, got := process.Must(process.Level(process.LevelConfig{})), map[string]int{}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				got[levelOf(t, p, line)]++
			}
		}
		for level, n := range want {
			if got[level] != n {
				t.Errorf("%s: %v, want %v", name, got, want)
				break
			}
		}
	}
}

func FuzzLevel(f *testing.F) {
	for _, line := range []string{`{"log":{"level":"error"},"level":30}`, `msg="set level=debug" level=warn`, "<13>x", "E0523 15:04:05.1", "[error] x"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		p := process.Must(process.Level(process.LevelConfig{}))
		level := levelOf(t, p, line)
		if s := process.ParseSeverity(level); s.String() != level {
			t.Errorf("%q: %q", line, level)
		}
	})
}

func BenchmarkLevel(b *testing.B) {
	for _, bench := range []struct{ name, line string }{
		{"JSON", benchJSON}, {"logfmt", benchLogfmt}, {"syslog", "<13>Jan  2 15:04:05 host app: text"}, {"brackets", apacheLine},
		{"capitals", "2015-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774] - Notification time out: 3200"},
		{"none", "Dec 10 06:55:46 LabSZ sshd[24200]: reverse mapping checking getaddrinfo for ns.marryaldkfaczcz.com [173.234.31.186] failed"},
	} {
		b.Run(bench.name, func(b *testing.B) { benchProcess(b, process.Must(process.Level(process.LevelConfig{})), bench.line) })
	}
}
