package process_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
)

// hadoop is a line as Hadoop writes it, of 300 bytes and without secrets.
const hadoop = "2015-10-18 18:01:53,885 INFO [RMCommunicator Allocator] org.apache.hadoop.mapreduce.v2.app.rm.RMContainerAllocator: " +
	"Before Scheduling: PendingReds:0 ScheduledMaps:10 ScheduledReds:0 AssignedMaps:0 AssignedReds:0 CompletedMaps:0 " +
	"CompletedReds:0 ContAlloc:0 ContRel:0 HostLocal:0 RackLocal:0 headroom=<memory:0>"

// bench measures a processor on batches of 500 entries of one line, or says that
// it changed them.
func bench(b *testing.B, p pipeline.Processor, line string, attrs ...batch.Attr) {
	const n = 500
	x := batch.New(nil, batch.MustLabels("app", "shop"))
	for range n {
		x.AppendShared(time.Now(), []byte(line), attrs...)
	}
	b.ReportAllocs()
	b.SetBytes(int64(n * len(line)))
	for b.Loop() {
		if err := p.Process(context.Background(), x); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/entry")
	if len(x.Entries) != n || string(x.Entries[0].Line) != line {
		b.Fatal("the entries were changed")
	}
}

func BenchmarkRedact(b *testing.B) {
	for _, c := range []struct {
		name string
		cfg  process.RedactConfig
	}{
		{"all", process.RedactConfig{Patterns: allPatterns}},
		{"default", process.RedactConfig{}},
		{"Credentials", process.RedactConfig{Patterns: process.Credentials}},
		{"Tokens", process.RedactConfig{Patterns: process.Tokens}},
		{"Cards", process.RedactConfig{Patterns: process.Cards}},
		{"Emails", process.RedactConfig{Patterns: process.Emails}},
		{"IPs", process.RedactConfig{Patterns: process.IPs}},
		{"a regexp", process.RedactConfig{NoPatterns: true, Regexps: []*regexp.Regexp{regexp.MustCompile(`ssn=\d{9}`)}}},
	} {
		b.Run(c.name, func(b *testing.B) { bench(b, process.Must(process.Redact(c.cfg)), hadoop) })
	}
	b.Run("three secrets", func(b *testing.B) {
		r := process.Must(process.Redact(process.RedactConfig{Patterns: allPatterns}))
		line := []byte(hadoop + " password=a mail=bob@example.com from=10.1.2.3")
		b.ReportAllocs()
		for b.Loop() {
			x := batch.New(nil, batch.Labels{})
			for range 500 {
				x.AppendShared(time.Time{}, line)
			}
			if err := r.Process(context.Background(), x); err != nil {
				b.Fatal(err)
			}
			x.Settle(nil)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/entry")
	})
}

// What is made to be hard takes no longer for each byte if there is more of it:
// compare the times of the two sizes.
func BenchmarkRedactHostile(b *testing.B) {
	for _, part := range []string{"http://x:y/", "%40", "@a.b", "pwd=\"", "\\", "\"pwd\":[\\\\", "Authorization: Bearer x ", "AIza", "eyJ ", "4111-", "a::", "\\\"=", "basic a", "-----BEGIN ", "ghp_", "pwd=a ", "pwd=a=\"", "Cookie: a=\"", "token: ", "pwd=\"a\"b", "%3D", "<pwd>", "--pwd ", "a:b@tcp(c)/", "@tcp(", "pwd: a ", "pwd: a\n", "pwd: bearer ", "pwd: bearer \"", "pwd: -----BEGIN "} {
		for _, size := range []int{10_000, 1_000_000} {
			b.Run(fmt.Sprintf("%q/%d", part, size), func(b *testing.B) {
				r := process.Must(process.Redact(process.RedactConfig{Patterns: allPatterns}))
				line := []byte(strings.Repeat(part, size/len(part)))
				for b.Loop() {
					x := batch.New(nil, batch.Labels{})
					x.AppendShared(time.Time{}, line)
					if err := r.Process(context.Background(), x); err != nil {
						b.Fatal(err)
					}
					x.Settle(nil)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/byte")
			})
		}
	}
}
