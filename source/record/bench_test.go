package record

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
)

const benchText = "10.0.0.1 - - [02/Jan/2006:15:04:05 +0000] \\\"GET /index.html HTTP/1.1\\\" 200 1234 \\\"-\\\" \\\"Mozilla/5.0\\\" "

var (
	dockerLine = []byte(`{"log":"` + strings.Repeat("x", 200) + `\n","stream":"stdout","time":"2016-10-06T00:17:09.669794202Z"}`)
	dockerEsc  = []byte(`{"log":"` + benchText + benchText + `\n","stream":"stdout","time":"2016-10-06T00:17:09.669794202Z"}`)
	criLine    = []byte("2016-10-06T00:17:09.669794202Z stdout F " + strings.Repeat("x", 200))
)

func BenchmarkDecode(b *testing.B) {
	for _, bench := range []struct {
		name   string
		format Format
		line   []byte
	}{{"cri", CRI, criLine}, {"docker-json", DockerJSON, dockerLine}, {"docker-json, escapes", DockerJSON, dockerEsc}} {
		b.Run(bench.name, func(b *testing.B) {
			d := NewDecoder(bench.format)
			var l Line
			b.ReportAllocs()
			b.SetBytes(int64(len(bench.line)))
			for b.Loop() {
				if err := d.Decode(bench.line, &l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("encoding/json for comparison", func(b *testing.B) {
		var v struct {
			Log, Stream string
			Time        time.Time
		}
		b.ReportAllocs()
		b.SetBytes(int64(len(dockerLine)))
		for b.Loop() {
			if err := json.Unmarshal(dockerLine, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkJoiner(b *testing.B) {
	plain := []byte("2006-01-02 15:04:05 " + strings.Repeat("x", 180))
	frames := []byte("\tat shop.Till.open(Till.java:42)")
	for _, bench := range []struct {
		name string
		rule Rule
	}{
		{"no rule", Rule{}}, {"dates", Dates()}, {"pattern", Start(regexp.MustCompile(`^\d{4}-\d{2}-\d{2}`))}, {"traces", Traces()}, {"java", Java()},
	} {
		b.Run(bench.name, func(b *testing.B) {
			n := 0
			j := NewJoiner(bench.rule, Limits{MaxLines: 1000, MaxBytes: 1 << 20}, func(*Record) { n++ })
			one, two := Line{Text: plain}, Line{Text: frames}
			at := int64(0)
			b.ReportAllocs()
			for b.Loop() {
				l := &one
				if at%10 > 7 {
					l = &two
				}
				j.Add(l, at, at+1)
				at++
			}
			if n == 0 && at > 10 {
				b.Fatal("no records")
			}
		})
	}
}
