package loki

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/logferry/logferry/batch"
)

// The bytes are those of github.com/grafana/loki/pkg/push v0.0.0-20250630054201-94c0ba7b0952 for the same entries.
func TestEncodeGolden(t *testing.T) {
	b := batch.New(nil, batch.MustLabels("a", "b"))
	b.Append(time.Unix(1, 2), []byte("hi"), batch.Attr{Key: "k", Value: "v"}, batch.Attr{Key: "e"})
	b.Append(time.Unix(0, 0), nil)
	b.Append(time.Unix(-1, 5), []byte("x"))
	got, n := encodeAll(mappingOf(b.Labels), b, []int32{0, 1, 2}, defaultMaxRequest)
	const want = "0a3a" +
		"0a077b613d2262227d" +
		"12170a04080110021202" + "6869" + "1a060a016b120176" + "1a030a0165" +
		"12020a00" +
		"12120a0d08ffffffffffffffffff011005" + "120178"
	if hex.EncodeToString(got) != want || n != 3 {
		t.Errorf("%d entries:\n%x, want\n%s", n, got, want)
	}
}

// mappingOf maps labels by the default rule.
func mappingOf(l batch.Labels) *mapping {
	c := mappings{rule: labelRule{max: defaultMaxLabels}, codec: protobufCodec{}}
	return c.of(l)
}

// encodeAll encodes what fits into limit bytes of the entries of one stream.
func encodeAll(m *mapping, b *batch.Batch, idx []int32, limit int) ([]byte, int) {
	return protobufCodec{}.stream(nil, m, &draft{b: b}, idx, limit)
}

// build makes a request of one stream, and says how many entries fitted.
func build(s *Sink, b *batch.Batch, idx []int32, limit int) (request, int) {
	var r builder
	n := s.add(&r, &parcel{m: s.mappings.of(b.Labels)}, &draft{b: b}, idx, limit)
	return s.finish(&r), n
}

func allOf(b *batch.Batch) []int32 {
	idx := make([]int32, len(b.Entries))
	for i := range idx {
		idx[i] = int32(i)
	}
	return idx
}

// What is decoded is what was encoded, and no request exceeds its limit though the next entry would have.
func TestEncodeDecode(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	s := newSink(t, "http://127.0.0.1:1")
	for range 300 {
		b := batch.New(nil, batch.MustLabels("app", strings.Repeat("x", rnd.IntN(300)), "b", "c"))
		for range 1 + rnd.IntN(60) {
			line := make([]byte, rnd.IntN([]int{3, 300, 20_000}[rnd.IntN(3)]))
			for i := range line {
				line[i] = byte(rnd.Uint32())
			}
			var attrs []batch.Attr
			for range rnd.IntN(4) {
				attrs = append(attrs, batch.Attr{Key: fmt.Sprint("k", rnd.IntN(1000)), Value: strings.Repeat("v", rnd.IntN(200))})
			}
			b.Append(time.Unix(rnd.Int64N(math.MaxInt32), rnd.Int64N(1e9)), line, attrs...)
		}
		limit := 200 + rnd.IntN(100_000)
		idx := allOf(b)
		for len(idx) > 0 {
			r, n := build(s, b, idx, limit)
			msg, err := s2.Decode(nil, r.wire.b)
			if err != nil || len(msg) != r.raw {
				t.Fatalf("%d bytes, want %d: %v", len(msg), r.raw, err)
			}
			r.wire.release()
			if r.raw > limit && n > 1 {
				t.Fatalf("%d bytes, limit %d", r.raw, limit)
			}
			if n < len(idx) {
				all, _ := encodeAll(s.mappings.of(b.Labels), b, idx[:n+1], math.MaxInt)
				if len(all) <= limit {
					t.Fatalf("%d entries, but one more makes %d bytes, limit %d", n, len(all), limit)
				}
			}
			checkPush(t, msg, b, idx[:n])
			idx = idx[n:]
		}
	}
}

func checkPush(t testing.TB, msg []byte, b *batch.Batch, idx []int32) {
	t.Helper()
	streams, err := decodePush(msg)
	if err != nil || len(streams) != 1 || len(streams[0].entries) != len(idx) {
		t.Fatalf("%d streams, %v", len(streams), err)
	}
	for k, i := range idx {
		got, want := streams[0].entries[k], b.Entries[i]
		if !got.time.Equal(want.Time) || got.line != string(want.Line) || !slices.Equal(got.metadata, want.Attrs) {
			t.Fatalf("entry %d: got %v, want %v", i, got, want)
		}
	}
}

// addOddEntries adds the seeds for what encodes an entry with one label and one attribute.
func addOddEntries(f *testing.F) {
	f.Add("shop", []byte("line"), "key", "value", int64(1_700_000_000), int64(1))
	f.Add("\"}\n\\", []byte(nil), "", "", int64(0), int64(0))
	f.Add("日本", []byte("\xff\x00\\u"), "a.b c", "\xff", int64(-1), int64(999_999_999))
}

func FuzzEncode(f *testing.F) {
	addOddEntries(f)
	f.Fuzz(func(t *testing.T, label string, line []byte, key, value string, secs, nanos int64) {
		l, err := batch.NewLabels(map[string]string{"app": label, "x": "y"})
		if err != nil {
			return
		}
		b := batch.New(nil, l)
		b.Append(time.Unix(secs%maxSecond, nanos), line, batch.Attr{Key: key, Value: value})
		b.Append(time.Unix(1, 2), line)
		m := mappingOf(l)
		if m.err != nil {
			return
		}
		if m.overLimit {
			return
		}
		msg, n := encodeAll(m, b, allOf(b), defaultMaxRequest)
		if n != 2 && len(line) < 1000 {
			t.Fatalf("%d entries", n)
		}
		if room := (protobufCodec{}).room(m, &draft{b: b}, 0); n == 1 && (room < len(msg) || room > len(msg)+maxHead) {
			t.Fatalf("%d bytes, room says %d", len(msg), room)
		}
		name := string(appendName(nil, key))
		if !goodName(name) || nameSize(key) != len(name) {
			t.Fatalf("%q becomes %q of %d bytes", key, name, nameSize(key))
		}
		if again := string(appendName(nil, name)); again != name {
			t.Fatalf("%q becomes %q", name, again)
		}
		b.Entries[0].Attrs[0].Key = name
		checkPush(t, msg, b, allOf(b)[:n])
		streams, _ := decodePush(msg)
		got, err := parseLabels(streams[0].labels)
		if err != nil {
			t.Fatalf("labels %s: %v", streams[0].labels, err)
		}
		if want := strings.ReplaceAll(label, "\uFFFD", "?"); got["app"] != want || got["x"] != "y" {
			t.Fatalf("labels %s: got %q, want %q", streams[0].labels, got, want)
		}
	})
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"trace_id": "trace_id", "a__b": "a__b", "_x": "_x", "http.method": "http_method", "a.-.b": "a_b", "9lives": "key_9lives",
		"日本": unnamed, "": unnamed, "___": unnamed, "x日": "x_", "a b\x00c": "a_b_c", "_._x": "_x", "1": "key_1",
		"__a.b__": "__a_b__", "__.a__": "___a__", "__9.__": "__9___", "__.__": unnamed, "____": unnamed, "__.": unnamed, "__x.": "_x_",
	} {
		if got := string(appendName(nil, name)); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestEncodeAllocatesNothing(t *testing.T) {
	s := newSink(t, "http://127.0.0.1:1")
	b := benchBatch(batch.Attr{Key: "user.id", Value: "42"})
	b.Entries = b.Entries[:1000]
	idx := allOf(b)
	n := testing.AllocsPerRun(20, func() {
		r, _ := build(s, b, idx, defaultMaxRequest)
		r.wire.release()
	})
	// sync.Pool drops what it is given now and then, at random under the race detector.
	if n > 8 {
		t.Errorf("%v allocations for a request of 1000 entries", n)
	}
}
