package process_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
)

var _ pipeline.Processor = (*process.TimeParser)(nil)

// timeOf returns the time that p gives a line, and "" if it leaves it alone.
func timeOf(t testing.TB, p pipeline.Processor, line string) string {
	t.Helper()
	if at := entryOf(t, p, line).Time; !at.IsZero() {
		return at.Format(time.RFC3339Nano)
	}
	return ""
}

func TestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in a bubble, it is the year 2000
		p := process.Must(process.Time(process.TimeConfig{Zone: time.FixedZone("EST", -5*3600), Layouts: []string{"2 January 2006, 15h04"}}))
		for line, want := range map[string]string{
			benchJSON:                        "2026-01-02T15:04:05.123456789Z",
			`{"msg":"x","ts":1136214245.25}`: "2006-01-02T15:04:05.25Z",
			`{"time":12.84,"TimeStamp":"1136214245999"}`:           "2006-01-02T15:04:05.999Z",
			`{"log":{"x":1},"@timestamp":"2006-01-02 15:04:05,5"}`: "2006-01-02T20:04:05.5Z",
			`{"time":"2006-01-02 15:04:05 or so"}`:                 "",
			`{"time":"` + strings.Repeat("x", 100) + `"}`:          "",
			`{"time":{"$date":"2006-01-02T15:04:05Z"}}`:            "",
			`{"time":"2 January 2006, 15h04"}`:                     "2006-01-02T20:04:00Z",
			`{"a":"2006-01-02T15:04:05Z"}`:                         "",
			benchLogfmt:                                            "2026-01-02T15:04:05.123456789Z",
			`level=info ts="2006-01-02 15:04:05" x`:                "2006-01-02T20:04:05Z",
			`level=info msg="at ts=1136214245" t=1136214246`:       "2006-01-02T15:04:06Z",
			`time=5ms`: "",
			apacheLine: "2005-12-04T09:47:44Z",
			accessLine: "2000-10-10T20:55:36Z",
			"2015-07-29 17:41:44,747 - INFO  [QuorumPeer] - x":      "2015-07-29T22:41:44.747Z",
			"081109 203615 148 INFO dfs.DataNode: x":                "2008-11-10T01:36:15Z",
			"nova-api.log.1 2017-05-16 00:00:00.008 25746 INFO":     "2017-05-16T05:00:00.008Z",
			"Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user":       "1999-12-10T11:55:46Z",
			"<34>Oct 11 22:14:15 mymachine su: x":                   "1999-10-12T03:14:15Z",
			"<165>1 2003-10-11T22:14:15.003Z mymachine x":           "2003-10-11T22:14:15.003Z",
			`"2006-01-02 15:04:05","x"`:                             "2006-01-02T20:04:05Z",
			"1136214245 2006-01-02 15:04:06":                        "2006-01-02T15:04:05Z",
			"x 1136214245":                                          "",
			"[1136214245] x":                                        "2006-01-02T15:04:05Z",
			"x [1136214245] x":                                      "",
			"x x 2006-01-02 15:04:05":                               "",
			strings.Repeat("x", 200) + " 2006-01-02 15:04:05":       "",
			strings.Repeat("x", 120) + " 2006-01-02 15:04:05.12345": "2006-01-02T20:04:05.12345Z",
			"": "", "x": "", "[": "", "<": "", "<13>": "", "{": "",
		} {
			if got := timeOf(t, p, line); got != want {
				t.Errorf("%.80q: %q, want %q", line, got, want)
			}
		}
	})
}

// What a parser has put into an attribute comes first, and an entry that does not
// say, or says the time that Go has for none, keeps its own.
func TestTimeOfAttributes(t *testing.T) {
	p := process.Must(process.Time(process.TimeConfig{Layouts: []string{"02.01.2006"}}))
	b := batch.New(nil, batch.Labels{})
	b.Append(day, []byte("2015-07-29 17:41:44,747 x"), batch.Attr{Key: "Time_Local", Value: "10/Oct/2000:13:55:36 -0700"})
	b.Append(day, []byte("2015-07-29 17:41:44,747 x"), batch.Attr{Key: "ts", Value: "5"})
	b.Append(day, []byte("x"))
	for _, none := range []string{`{"time":"0001-01-01T00:00:00Z"}`, "0001-01-01 00:00:00 x", `{"time":"01.01.0001"}`} {
		b.Append(day, []byte(none))
	}
	if err := p.Process(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	kept := day.Format(time.RFC3339Nano)
	for i, want := range []string{"2000-10-10T20:55:36Z", "2015-07-29T17:41:44.747Z", kept, kept, kept, kept} {
		if got := b.Entries[i].Time.Format(time.RFC3339Nano); got != want {
			t.Errorf("entry %d: %s, want %s", i, got, want)
		}
	}
	if s := p.Stats(); s != (process.TimeStats{Parsed: 2, Missing: 4}) {
		t.Errorf("%+v", s)
	}
	p = process.Must(process.Time(process.TimeConfig{Fields: []string{}}))
	if got := timeOf(t, p, `{"time":"2006-01-02T15:04:05Z"}`); got != "" {
		t.Errorf("%s, though there are no fields", got)
	}
}

func TestTimeConfig(t *testing.T) {
	_, err := process.Time(process.TimeConfig{Fields: []string{""}, Layouts: []string{time.Kitchen, time.RFC850, "yyyy-MM-dd"}})
	for _, want := range []string{"process: Time: Fields[0]", "process: Time: Layouts[0]", "process: Time: Layouts[2]"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: nothing like %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "Layouts[1]") {
		t.Error(err)
	}
}

// The lines of real logs have times, in the order in which they were written.
func TestTimeOfRealLogs(t *testing.T) {
	for _, name := range []string{"Apache", "HDFS", "Hadoop", "Linux", "Mac", "OpenSSH", "OpenStack", "Zookeeper"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "logs", name+".log"))
		if err != nil {
			t.Skip(err)
		}
		p := process.Must(process.Time(process.TimeConfig{}))
		var times []time.Time
		n := 0
		for line := range strings.Lines(string(text)) {
			n++
			if at := entryOf(t, p, strings.TrimRight(line, "\r\n")).Time; !at.IsZero() {
				times = append(times, at)
			}
		}
		early := 0 // but for threads that overtake each other, and the turn of the year
		for i := range len(times) - 1 {
			if times[i+1].Before(times[i].Add(-time.Minute)) {
				early++
			}
		}
		t.Logf("%s: %d of %d lines have a time, %d are out of order", name, len(times), n, early)
		if len(times) < n*99/100 || early > 3 {
			t.Errorf("%s: %d of %d lines have a time, and %d are out of order", name, len(times), n, early)
		}
	}
}

func FuzzTime(f *testing.F) {
	for _, line := range []string{benchJSON, benchLogfmt, apacheLine, accessLine, "<165>1 2003-10-11T22:14:15.003Z x", `{"ts":1136214245.25}`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		p := process.Must(process.Time(process.TimeConfig{}))
		if got, again := timeOf(t, p, line), timeOf(t, p, line); got != again {
			t.Errorf("%q: %s, and then %s", line, got, again)
		}
	})
}

func BenchmarkTime(b *testing.B) {
	for _, bench := range []struct{ name, line string }{
		{"JSON", benchJSON}, {"logfmt", benchLogfmt}, {"beginning", "2015-07-29 17:41:44,747 - INFO  [QuorumPeer] - x"},
		{"syslog", "Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user webmaster from 173.234.31.186"}, {"brackets", apacheLine}, {"access log", accessLine},
		{"none", "reverse mapping checking getaddrinfo for ns.marryaldkfaczcz.com [173.234.31.186] failed - POSSIBLE BREAK-IN ATTEMPT!"},
	} {
		b.Run(bench.name, func(b *testing.B) { benchProcess(b, process.Must(process.Time(process.TimeConfig{})), bench.line) })
	}
}
