package loki

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

func asJSON(c *Config) { c.EncodeJSON = true }

func jsonMappingOf(l batch.Labels, change ...func(*Config)) *mapping {
	c := Config{MaxLabels: defaultMaxLabels}
	for _, f := range change {
		f(&c)
	}
	m := mappings{rule: c.labelRule(), codec: &jsonCodec{}, bare: c.DropAttrs}
	return m.of(l)
}

func encodeJSON(m *mapping, w *draft, idx []int32, limit int) ([]byte, int) {
	c := &jsonCodec{}
	dst, n := c.stream(nil, m, w, idx, limit)
	return c.end(dst), n
}

func TestEncodeJSONGolden(t *testing.T) {
	b := batch.New(nil, batch.MustLabels("a", "say \"b\"", "c", "d", "pod", "p1"))
	b.Append(time.Unix(1, 2), []byte("hi\r\n\t\"\\\x00\x7f/<é"), batch.Attr{Key: "k.x", Value: "v"}, batch.Attr{Key: "e"})
	b.Append(time.Unix(0, 0), nil)
	b.Append(time.Unix(-1, 5), []byte("x"), batch.Attr{Key: "pod", Value: "own"})
	b.Append(time.Unix(math.MaxInt32, 0), []byte("y"))
	w := draft{b: b, sent: []sentTime{{}, {at: time.Unix(7, 0), clamped: true}, {at: time.Unix(8, 0)}, {}}}
	allow := func(c *Config) { c.StreamLabels = []string{"a", "c"} }
	const head = `{"streams":[{"stream":{"a":"say \"b\"","c":"d"},"values":[`
	for name, c := range map[string]struct {
		bare bool
		want string
	}{
		"attributes": {false, head +
			`["1000000002","hi\u000d\n\t\"\\\u0000` + "\x7f" + `/<é",{"pod":"p1","k_x":"v","e":""}],` +
			`["7000000000","",{"pod":"p1","original_time":"1970-01-01T00:00:00.000000000Z"}],` +
			`["8000000000","x",{"pod":"p1","pod":"own"}],["2147483647000000000","y",{"pod":"p1"}]]}]}`},
		"bare": {true, head +
			`["1000000002","hi\u000d\n\t\"\\\u0000` + "\x7f" + `/<é"],["7000000000",""],["8000000000","x"],["2147483647000000000","y"]]}]}`},
	} {
		w.bare = c.bare
		m := jsonMappingOf(b.Labels, allow, func(cfg *Config) { cfg.DropAttrs = c.bare })
		if got, n := encodeJSON(m, &w, allOf(b), defaultMaxRequest); string(got) != c.want || n != 4 {
			t.Errorf("%s: %d entries:\n%s, want\n%s", name, n, got, c.want)
		}
	}
}

// readable is s as JSON can hold it.
func readable[T string | []byte](s T) string {
	var b strings.Builder
	for _, r := range string(s) {
		b.WriteRune(r)
	}
	return b.String()
}

// checkJSON checks that msg holds the entries idx of one stream.
func checkJSON(t testing.TB, msg []byte, m *mapping, w *draft, idx []int32) {
	t.Helper()
	if !utf8.Valid(msg) {
		t.Fatalf("not UTF-8: %q", msg)
	}
	streams, err := decodeJSON(msg)
	if err != nil || len(streams) != 1 || len(streams[0].entries) != len(idx) {
		t.Fatalf("%d streams, %v:\n%.1000q", len(streams), err, msg)
	}
	for k, i := range idx {
		got := streams[0].entries[k]
		var want []batch.Attr
		for _, a := range m.moved {
			want = append(want, batch.Attr{Key: a.Key, Value: readable(a.Value)})
		}
		if w.original(i) {
			want = append(want, batch.Attr{Key: originalTime, Value: w.entry(i).Time.UTC().Format(originalLayout)})
		}
		for _, a := range w.attrs(i) {
			want = append(want, batch.Attr{Key: string(appendName(nil, a.Key)), Value: readable(a.Value)})
		}
		if !got.time.Equal(w.time(i)) || got.line != readable(w.entry(i).Line) || !slices.Equal(got.metadata, want) {
			t.Fatalf("entry %d: got %v, want %v %q %q", i, got, w.time(i), w.entry(i).Line, want)
		}
	}
}

// Every byte, and pieces of characters, in every place where text can be.
func TestEncodeJSONEveryByte(t *testing.T) {
	var texts []string
	for c := range 256 {
		texts = append(texts, string([]byte{byte(c)}), "x"+string([]byte{byte(c)})+"y")
	}
	texts = append(texts, "\uFFFD", "日本", "日\xe6\x97", "\xe6\x97\xa5\xf0\x9f\x98", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\u2028\u2029", "😀", "\xc0\x80", "\\u0041", "</script>", "\"\"")
	for _, text := range texts {
		label := readable(text)
		b := batch.New(nil, batch.MustLabels("app", "shop", "text", label))
		b.Append(start, []byte(text), batch.Attr{Key: text, Value: text}, batch.Attr{Key: "twice", Value: "1"}, batch.Attr{Key: "twice", Value: text})
		for _, moved := range []bool{false, true} {
			m := jsonMappingOf(b.Labels, func(c *Config) {
				if moved {
					c.StreamLabels = []string{"app"}
				}
			})
			w := &draft{b: b, sent: []sentTime{{at: start.Add(1), clamped: true}}}
			msg, n := encodeJSON(m, w, []int32{0}, 1)
			if n != 1 {
				t.Fatal(n)
			}
			checkJSON(t, msg, m, w, []int32{0})
			streams, _ := decodeJSON(msg)
			want := `{app="shop"}`
			if !moved {
				want = batch.MustLabels("app", "shop", "text", strings.ReplaceAll(label, "\uFFFD", "?")).String()
			}
			if streams[0].labels != want {
				t.Errorf("%q: labels %s, want %s", text, streams[0].labels, want)
			}
		}
	}
}

// randomText is bytes, or characters of all lengths.
func randomText(rnd *rand.Rand, n int) []byte {
	var text []byte
	for len(text) < n {
		switch rnd.IntN(4) {
		case 0:
			text = append(text, byte(rnd.Uint32()))
		case 1:
			text = utf8.AppendRune(text, rune(rnd.IntN(utf8.MaxRune)))
		default:
			text = append(text, "plain text"...)
		}
	}
	return text[:n]
}

// No request exceeds its limit, and none could have held one entry more. What is decompressed and decoded is what was
// given. So it is with several streams in a request.
func TestEncodeJSONDecode(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 3))
	s := newSink(t, "http://127.0.0.1:1", asJSON)
	for range 60 {
		b := batch.New(nil, batch.MustLabels("app", strings.Repeat("x", 1+rnd.IntN(300)), "b", "c\"\n"))
		for range 1 + rnd.IntN(60) {
			var attrs []batch.Attr
			for range rnd.IntN(4) {
				attrs = append(attrs, batch.Attr{Key: fmt.Sprint("k", rnd.IntN(1000)), Value: string(randomText(rnd, rnd.IntN(200)))})
			}
			at := time.Unix(rnd.Int64N(math.MaxInt32), rnd.Int64N(1e9))
			b.Append(at, randomText(rnd, rnd.IntN([]int{3, 300, 3000}[rnd.IntN(3)])), attrs...)
		}
		w := &draft{b: b}
		if rnd.IntN(2) == 0 {
			for i := range b.Entries {
				w.sent = append(w.sent, sentTime{at: start.Add(time.Duration(i)), clamped: i%2 == 0})
			}
		}
		m := s.mappings.of(b.Labels)
		limit := 200 + rnd.IntN(20_000)
		for idx := allOf(b); len(idx) > 0; {
			var r builder
			n := s.add(&r, &parcel{m: m}, w, idx, limit)
			out := s.finish(&r)
			if out.raw > limit && n > 1 {
				t.Fatalf("%d bytes, limit %d", out.raw, limit)
			}
			if n < len(idx) {
				if all, _ := encodeJSON(m, w, idx[:n+1], math.MaxInt); len(all) <= limit {
					t.Fatalf("%d entries, but one more makes %d bytes, limit %d", n, len(all), limit)
				}
			}
			msg, _ := encodeJSON(m, w, idx[:n], math.MaxInt)
			if _, raw, err := decodeBody(out.wire.b); err != nil || raw != out.raw || raw != len(msg) {
				t.Fatalf("%d bytes, want %d and %d: %v", raw, out.raw, len(msg), err)
			}
			out.wire.release()
			checkJSON(t, msg, m, w, idx[:n])
			idx = idx[n:]
		}
	}
}

// Streams share a request up to its limit exactly, and one that does not fit leaves nothing behind.
func TestEncodeJSONSeveralStreams(t *testing.T) {
	c := &jsonCodec{}
	var bs []*batch.Batch
	var want []pushedStream
	var all []byte
	for i := range 5 {
		b := newBatch(batch.MustLabels("app", fmt.Sprint(i)), "a\n", "b", "c")
		all, _ = c.stream(all, jsonMappingOf(b.Labels), &draft{b: b}, allOf(b), math.MaxInt)
		bs = append(bs, b)
		streams, err := decodeJSON(c.end(slices.Clone(all)))
		if err != nil || len(streams) != i+1 {
			t.Fatalf("%d streams, %v", len(streams), err)
		}
		want = streams
	}
	whole := len(c.end(all))
	for limit := range whole + 2 {
		var dst []byte
		total := 0
		for _, b := range bs {
			before := len(dst)
			var n int
			dst, n = c.stream(dst, jsonMappingOf(b.Labels), &draft{b: b}, allOf(b), limit)
			if n == 0 && len(dst) != before {
				t.Fatalf("limit %d: %d bytes are left behind", limit, len(dst)-before)
			}
			if total += n; n < len(b.Entries) {
				break
			}
		}
		dst = c.end(dst)
		if total > 1 && len(dst) > limit || limit >= whole != (total == 15) {
			t.Fatalf("limit %d: %d entries in %d bytes", limit, total, len(dst))
		}
		streams, err := decodeJSON(dst)
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for k, s := range streams {
			if s.labels != want[k].labels {
				t.Fatalf("stream %s, want %s", s.labels, want[k].labels)
			}
			got += len(s.entries)
		}
		if got != total {
			t.Fatalf("limit %d: %d entries, want %d", limit, got, total)
		}
	}
}

func FuzzEncodeJSON(f *testing.F) {
	addOddEntries(f)
	f.Fuzz(func(t *testing.T, label string, line []byte, key, value string, secs, nanos int64) {
		l, err := batch.NewLabels(map[string]string{"app": label, "x": "y"})
		if err != nil {
			return
		}
		b := batch.New(nil, l)
		b.Append(time.Unix(secs%maxSecond, nanos%1e9), line, batch.Attr{Key: key, Value: value})
		b.Append(time.Unix(1, 2), line)
		w := &draft{b: b, sent: []sentTime{{}, {at: time.Unix(3, 4), clamped: len(line)%2 == 0}}}
		m := jsonMappingOf(l)
		msg, n := encodeJSON(m, w, allOf(b), defaultMaxRequest)
		if n != 2 && len(line) < 1000 && len(value) < 1000 {
			t.Fatalf("%d entries", n)
		}
		checkJSON(t, msg, m, w, allOf(b)[:n])
		if one, _ := encodeJSON(m, w, allOf(b)[:1], 1); n == 1 && len(one) != len(msg) {
			t.Fatalf("%d bytes and %d", len(one), len(msg))
		}
	})
}

// The request says what it is.
func TestWriteJSON(t *testing.T) {
	f := newFake(t)
	s := newSink(t, f.URL, asJSON)
	b := batch.New(nil, shop)
	b.Append(start, []byte("caf\xe9"), batch.Attr{Key: "trace.id", Value: "\x01"})
	b.Append(start.Add(1), nil)
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	p := f.all()[0]
	if p.header.Get("Content-Type") != "application/json" || p.header.Get("Content-Encoding") != "gzip" || p.labels != `{app="shop"}` {
		t.Errorf("%v, labels %s", p.header, p.labels)
	}
	if len(p.entries) != 2 || p.entries[0].line != "caf\uFFFD" || p.entries[0].metadata[0] != (batch.Attr{Key: "trace_id", Value: "\x01"}) {
		t.Errorf("%v", p.entries)
	}
	if st := s.Stats(); st.RawBytes != int64(p.raw) || st.WireBytes == 0 {
		t.Errorf("%+v", st)
	}
}

// What Loki says of a line is about what it was given, which is longer than the line if bytes were replaced. All the
// same, what is refused and what is stored is told apart exactly.
func TestJSONRefusalsAreAttributed(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 4))
	f := newFake(t)
	var m *model
	f.answerAs(&m)
	s := newSink(t, f.URL, asJSON)
	for round := range 60 {
		m = newNarrowModel(shop.String())
		b := batch.New(nil, shop)
		for i := range 1 + rnd.IntN(40) {
			line := fmt.Sprintf("%03d", i) + strings.Repeat("x", 20+rnd.IntN(20))
			var attrs []batch.Attr
			if rnd.IntN(4) == 0 {
				// 42 to 66 bytes, of which some become three.
				line += strings.Repeat("\xff", rnd.IntN(8)) + strings.Repeat("y", rnd.IntN(4))
			}
			if rnd.IntN(8) == 0 {
				attrs = append(attrs, batch.Attr{Key: "a", Value: strings.Repeat("\xff", 28+rnd.IntN(10))}, batch.Attr{Key: "a", Value: "v"})
			}
			b.Append(start.Add(time.Duration(i)), []byte(line), attrs...)
		}
		for i, err := range deliverAll(t, s, b) {
			stored := m.stored[m.key(pushedEntry{time: b.Entries[i].Time.UTC(), line: readable(b.Entries[i].Line)})]
			if stored != (err == nil) || err != nil && !sink.IsPermanent(err) {
				t.Fatalf("round %d: entry %d of %d, %q: stored %v, %v", round, i, len(b.Entries), b.Entries[i].Line, stored, err)
			}
		}
	}
}

// Answers of Loki v3.7.8 to bodies it cannot read. Halving such a request would help nobody.
func TestJSONRequestIsRefused(t *testing.T) {
	for _, body := range []string{
		"readObjectStart: expect { or n, but found h, error found in #1 byte of ...|hello|..., bigger context ...|hello|...",
		"loghttp.PushRequest.Streams: []loghttp.LogProtoStream: ReadArrayCB: expect ], but found \x00, error found in #10 byte",
		"loghttp.PushRequest.Streams: unmarshalerDecoder: Value looks like Number/Boolean/None, but can't find its end",
		"EOF", "unexpected EOF", "gzip: invalid header", "gzip: invalid checksum", "flate: corrupt input before offset 5",
		"couldn't parse labels: 1:3: parse error: invalid UTF-8 rune",
	} {
		f := newFake(t)
		f.answers(fixedAnswer{400, body, nil})
		s := newSink(t, f.URL, asJSON)
		err := s.Write(t.Context(), newBatch(shop, "a", "b", "c"))
		if p, ok := errors.AsType[*sink.PartialError](err); ok {
			err = p.Failures[0].Err
		}
		if classOf(err) != permanent || !strings.Contains(err.Error(), "the whole request was refused and is lost") || s.Stats().Requests != 1 || s.Health() == nil {
			t.Errorf("%s: %d requests: %v", body, s.Stats().Requests, err)
		}
	}
}

// That the way to Loki does not take gzip can be repaired without losing a line.
func TestGzipIsNotTaken(t *testing.T) {
	f := newFake(t)
	f.answers(fixedAnswer{400, `Content-Encoding "gzip" not supported`, nil})
	s := newSink(t, f.URL, asJSON)
	if err := s.Write(t.Context(), newBatch(shop, "a", "b")); classOf(err) != retry || s.Health() == nil {
		t.Error(err)
	}
}

func TestEncodeJSONAllocatesLittle(t *testing.T) {
	s := newSink(t, "http://127.0.0.1:1", asJSON)
	b := benchBatch(batch.Attr{Key: "user.id", Value: "4\xff2"})
	b.Entries = b.Entries[:1000]
	for i := range b.Entries {
		b.Entries[i].Line = append(b.Entries[i].Line[:190:190], "日本\xff\n"...)
	}
	idx := allOf(b)
	n := testing.AllocsPerRun(20, func() {
		r, _ := build(s, b, idx, defaultMaxRequest)
		r.wire.release()
	})
	// sync.Pool drops what it is given now and then, at random under the race detector.
	if n > 30 {
		t.Errorf("%v allocations for a request of 1000 entries", n)
	}
}
