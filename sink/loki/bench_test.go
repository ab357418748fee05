package loki

import (
	"fmt"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/logferry/logferry/batch"
)

// benchBatch is about a megabyte of 200-byte lines of one stream.
func benchBatch(attrs ...batch.Attr) *batch.Batch {
	b := batch.New(nil, batch.MustLabels("app", "shop", "env", "prod", "host", "web-1"))
	at := time.Unix(1_700_000_000, 123_456_789)
	for i := range 5243 {
		line := fmt.Sprintf(`{"ts":"2026-01-02T03:04:05.%06dZ","level":"info","msg":"request handled","path":"/api/v1/items/%d","status":%d,"took_ms":%d,"trace":"%016x"}`,
			i, i*7919%100_000, 200+i%5, i*31%900, uint64(i)*0x9e3779b97f4a7c15)
		for len(line) < 200 {
			line += " "
		}
		b.Append(at.Add(time.Duration(i)*time.Millisecond), []byte(line[:200]), attrs...)
	}
	return b
}

// BenchmarkEncode compares making a request, checks included, with the least there is to do, which is to append and to
// compress. The two take turns, so that what else the machine does hits both; the ratio is that of their fastest rounds.
func BenchmarkEncode(b *testing.B) {
	bt := benchBatch()
	sink, bare := encodeSink(b, bt), encodeBare(bt)
	compare(b, bt, "sink-us", sink, "bare-us", bare)
}

// compare runs f and g in turns and reports their fastest rounds.
func compare(b *testing.B, bt *batch.Batch, fUnit string, f func(), gUnit string, g func()) {
	fastest := [2]time.Duration{time.Hour, time.Hour}
	b.SetBytes(int64(bt.Size()))
	b.ReportAllocs()
	for b.Loop() {
		for k, f := range []func(){f, g} {
			began := time.Now()
			f()
			fastest[k] = min(fastest[k], time.Since(began))
		}
	}
	b.ReportMetric(float64(fastest[0])/1e3, fUnit)
	b.ReportMetric(float64(fastest[1])/1e3, gUnit)
	b.ReportMetric(float64(fastest[0])/float64(fastest[1]), "ratio")
}

// BenchmarkEncodeAttrs is for entries with structured metadata, one name of which has to be rewritten.
func BenchmarkEncodeAttrs(b *testing.B) {
	bt := benchBatch(batch.Attr{Key: "trace_id", Value: "4bf92f3577b34da6a3ce929d0e0e4736"}, batch.Attr{Key: "user.id", Value: "42"})
	f := encodeSink(b, bt)
	b.SetBytes(int64(bt.Size()))
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
}

// encodeSink returns what Write does before it sends bt.
func encodeSink(b *testing.B, bt *batch.Batch, change ...func(*Config)) func() {
	cfg := Config{URL: "http://127.0.0.1"}
	for _, f := range change {
		f(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	d := &delivery{sink: s}
	return func() {
		d.w.b = bt
		d.sort()
		if n := s.add(&d.next, &d.parcels[0], &d.w, d.parcels[0].idx, maxMaxRequest); n != len(bt.Entries) {
			b.Fatal(n)
		}
		s.finish(&d.next).wire.release()
		d.reset()
	}
}

func encodeBare(bt *batch.Batch) func() {
	raw := make([]byte, 0, 2<<20)
	wire := make([]byte, s2.MaxEncodedLen(2<<20))
	labels := bt.Labels.String()
	return func() {
		raw = appendHead(raw[:maxHead], tagStreamLabels, len(labels))
		raw = append(raw, labels...)
		for i := range bt.Entries {
			e := &bt.Entries[i]
			at := stampOf(e.Time)
			raw = appendHead(raw, tagEntries, 2+at.size+fieldSize(len(e.Line)))
			raw = append(raw, tagTimestamp, byte(at.size), tagSeconds)
			raw = appendVarint(raw, at.secs)
			raw = appendVarint(append(raw, tagNanos), at.nanos)
			raw = appendHead(raw, tagLine, len(e.Line))
			raw = append(raw, e.Line...)
		}
		s2.EncodeSnappy(wire, raw)
	}
}

// BenchmarkEncodeJSON compares the two formats, in turns.
func BenchmarkEncodeJSON(b *testing.B) {
	bt := benchBatch(batch.Attr{Key: "trace_id", Value: "4bf92f3577b34da6a3ce929d0e0e4736"})
	json, protobuf := encodeSink(b, bt, asJSON), encodeSink(b, bt)
	compare(b, bt, "json-us", json, "protobuf-us", protobuf)
}

// BenchmarkTimes has policies for what is too old and too new, and batches all of which is and none of which is, against
// the default.
func BenchmarkTimes(b *testing.B) {
	policies := func(c *Config) { c.Times = Times{TooOld: Clamp, TooNew: Clamp, Distinct: true} }
	old, fresh := benchBatch(), benchBatch()
	for i := range fresh.Entries {
		fresh.Entries[i].Time = start.Add(time.Duration(i) * time.Millisecond)
	}
	for _, c := range []struct {
		name string
		bt   *batch.Batch
	}{{"all", old}, {"none", fresh}} {
		b.Run(c.name, func(b *testing.B) {
			compare(b, c.bt, "times-us", encodeSink(b, c.bt, policies), "default-us", encodeSink(b, c.bt))
		})
	}
}
