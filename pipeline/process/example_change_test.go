package process_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
)

// sshd is a log of which lines are a second apart.
func sshd(lines ...string) *batch.Batch {
	b := batch.New(nil, batch.MustLabels("app", "sshd", "file", "/var/log/auth.log"))
	for i, line := range lines {
		b.Append(time.Date(2025, 12, 10, 6, 55, 46+i, 0, time.UTC), []byte(line))
	}
	return b
}

// after prints what processors leave of a batch, and what they dropped.
func after(b *batch.Batch, processors ...pipeline.Processor) {
	for _, p := range processors {
		if err := p.Process(context.Background(), b); err != nil {
			fmt.Println(err)
		}
	}
	for _, e := range b.Entries {
		fmt.Println(string(e.Line))
		for _, a := range e.Attrs {
			fmt.Printf("  %s=%s\n", a.Key, a.Value)
		}
	}
	for _, d := range b.Drops() {
		fmt.Printf("%d dropped: %s\n", d.Entries, d.Reason)
	}
}

// With no Config, what is secret goes, and addresses stay.
func ExampleRedact() {
	r, err := process.Redact(process.RedactConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	after(sshd(
		"Dec 10 06:55:48 LabSZ sshd[24200]: Failed password for invalid user webmaster from 173.234.31.186 port 38926 ssh2",
		"GET /orders?card=4111111111111111&token=c2VjcmV0 HTTP/1.1",
		`{"user":"bob@example.com","password":"hunter \"2\"","n":1}`,
		"connecting to postgres://shop:hunter2@db:5432/orders",
	), r)
	// Output:
	// Dec 10 06:55:48 LabSZ sshd[24200]: Failed password for invalid user webmaster from 173.234.31.186 port 38926 ssh2
	// GET /orders?card=[redacted:card]&token=[redacted:credential] HTTP/1.1
	// {"user":"[redacted:email]","password":"[redacted:credential]","n":1}
	// connecting to postgres://[redacted:credential]@db:5432/orders
}

// With a key, equal secrets can be told to be equal.
func ExampleRedact_hash() {
	r := process.Must(process.Redact(process.RedactConfig{Patterns: process.IPs, HashKey: []byte("keep this somewhere")}))
	after(sshd(
		"Invalid user webmaster from 173.234.31.186",
		"Invalid user test9 from 52.80.34.196",
		"reverse mapping checking getaddrinfo for ns.marryaldkfaczcz.com [173.234.31.186] failed",
	), r)
	// Output:
	// Invalid user webmaster from [redacted:ip#784a94601c63b77f]
	// Invalid user test9 from [redacted:ip#fe6851f7f622660f]
	// reverse mapping checking getaddrinfo for ns.marryaldkfaczcz.com [[redacted:ip#784a94601c63b77f]] failed
}

func ExampleDrop() {
	d := process.Must(process.Drop(process.MatchConfig{Contains: []string{"[preauth]"}, Reason: "preauth"}))
	after(sshd(
		"Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user webmaster from 173.234.31.186",
		"Dec 10 06:55:46 LabSZ sshd[24200]: input_userauth_request: invalid user webmaster [preauth]",
	), d)
	// Output:
	// Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user webmaster from 173.234.31.186
	// 1 dropped: preauth
}

// What says how bad it is, and is not bad enough, goes.
func ExampleKeep() {
	level := process.Must(process.Level(process.LevelConfig{}))
	k := process.Must(process.Keep(process.MatchConfig{MinSeverity: process.SeverityWarn}))
	after(sshd(
		"081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block blk_38865049064139660 terminating",
		"081109 214043 2561 WARN dfs.DataNode$DataXceiver: 10.251.30.85:50010:Got exception while serving blk_-2918118818249673980",
		"a line that does not say",
	), level, k)
	// Output:
	// 081109 214043 2561 WARN dfs.DataNode$DataXceiver: 10.251.30.85:50010:Got exception while serving blk_-2918118818249673980
	//   level=warn
	// a line that does not say
	// 1 dropped: unmatched
}

// All lines of a request are kept, or none.
func ExampleSample() {
	s := process.Must(process.Sample(process.SampleConfig{Rate: 0.5, Key: "request", Attr: "sample_rate"}))
	b := sshd("begin a", "begin b", "end a", "end b")
	for i, id := range []string{"req-38101a0b", "req-9bc36dd9", "req-38101a0b", "req-9bc36dd9"} {
		b.Entries[i].Attrs = []batch.Attr{{Key: "request", Value: id}}
	}
	after(b, s)
	// Output:
	// begin a
	//   request=req-38101a0b
	//   sample_rate=0.5
	// end a
	//   request=req-38101a0b
	//   sample_rate=0.5
	// 2 dropped: sampled
}

func ExampleRateLimit() {
	r := process.Must(process.RateLimit(process.RateLimitConfig{Rate: 0.5, Burst: 1, Attr: "not_passed"}))
	after(sshd("1", "2", "3", "4", "5"), r) // a second apart
	// Output:
	// 1
	// 3
	//   not_passed=1
	// 5
	//   not_passed=1
	// 2 dropped: rate_limited
}

func ExampleDedupe() {
	d := process.Must(process.Dedupe(process.DedupeConfig{Window: 3 * time.Second}))
	const line = "error: Received disconnect from 103.99.0.122: 14: No more user authentication methods available."
	after(sshd(line, line, line, "Connection closed by 173.234.31.186"), d)
	// Output:
	// error: Received disconnect from 103.99.0.122: 14: No more user authentication methods available.
	// Connection closed by 173.234.31.186
	// repeated 2 times: error: Received disconnect from 103.99.0.122: 14: No more user authentication methods available.
	//   repeated=2
	//   first_repeated=2025-12-10T06:55:47Z
	//   last_repeated=2025-12-10T06:55:48Z
	// 2 dropped: duplicate
}

func ExampleTruncate() {
	t := process.Must(process.Truncate(process.TruncateConfig{MaxBytes: 60}))
	after(sshd("Dec 10 06:55:46 LabSZ sshd[24200]: reverse mapping checking "+strings.Repeat("x", 100_000)), t)
	// Output:
	// Dec 10 06:55:46 LabSZ sshd[24200]: reverse map…[truncated]
	//   original_bytes=100060
}

// A user name that would forge a line, and another one that would colour it.
func ExampleEscape() {
	x := process.Must(process.Escape(process.EscapeConfig{StripANSI: true}))
	after(sshd(
		"Invalid user \nDec 10 06:55:47 LabSZ sshd[1]: Accepted password for root from 173.234.31.186",
		"Invalid user \x1b[31mroot\x1b[0m\a from 173.234.31.186",
	), x)
	// Output:
	// Invalid user \nDec 10 06:55:47 LabSZ sshd[1]: Accepted password for root from 173.234.31.186
	// Invalid user root\x07 from 173.234.31.186
}

func ExampleLabels() {
	l := process.Must(process.Labels(process.LabelsConfig{
		Rename: map[string]string{"app": "service"},
		Set:    map[string]string{"env": "prod"},
		Demote: []string{"file"},
	}))
	b := sshd("Invalid user webmaster from 173.234.31.186")
	after(b, l)
	fmt.Println(b.Labels)
	// Output:
	// Invalid user webmaster from 173.234.31.186
	//   file=/var/log/auth.log
	// {env="prod", service="sshd"}
}

func ExampleTemplate() {
	t := process.Must(process.Template(process.TemplateConfig{
		Labels: map[string]string{"job": "hosts/{app}"},
		Line:   "{time:15:04:05} {app}: {line}",
	}))
	b := sshd("Invalid user webmaster from 173.234.31.186")
	after(b, t)
	fmt.Println(b.LabelsOf(0).Get("job"))
	// Output:
	// 06:55:46 sshd: Invalid user webmaster from 173.234.31.186
	// hosts/sshd
}
