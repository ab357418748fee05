package lokitest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
)

// peculiar makes a batch of all that text can be, in lines, attributes and labels.
func peculiar(at time.Time, l batch.Labels) *batch.Batch {
	b := batch.New(nil, l)
	texts := []string{
		"plain", "", " ", "grüße 日本 😀", "\"quoted\" \\back\\slash", "two\nlines\r\n", "tab\t", "\x1b[31mcolour\x1b[0m", "</script>\u2028\u2029",
		"caf\xe9", "\xff\xfe\x00", "cut short \xe6\x97", "surrogate \xed\xa0\x80", "\uFFFD", "\\ud800", strings.Repeat("x", 100_000), "{\"json\":[1,2]}",
	}
	for c := range 256 {
		texts = append(texts, fmt.Sprintf("byte %d %c%s", c, 'x', []byte{byte(c)}))
	}
	for i, text := range texts {
		e := at.Add(time.Duration(i) * time.Millisecond)
		b.Append(e, []byte(text))
		if len(text) < 1000 {
			b.Append(e, []byte("attribute"), batch.Attr{Key: "text", Value: text}, batch.Attr{Key: "http.method", Value: "GET"})
		}
	}
	var many []batch.Attr
	for i := range 60 {
		many = append(many, batch.Attr{Key: fmt.Sprint("k", i%20), Value: fmt.Sprint(i)})
	}
	b.Append(at.Add(-2*time.Second), []byte("three times"), many...)
	b.Append(at.Add(-time.Second), []byte("twice"), batch.Attr{Key: "k", Value: "first"}, batch.Attr{Key: "a", Value: "x"}, batch.Attr{Key: "k", Value: "second"})
	return b
}

// A query shows the same of what went out as JSON and as protobuf, and bytes that are not UTF-8 as U+FFFD.
func TestLokiStoresJSONLikeProtobuf(t *testing.T) {
	s := Start(t)
	at := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	got := map[string]string{}
	for _, format := range []string{"protobuf", "json"} {
		to := newSink(t, loki.Config{URL: s.URL, EncodeJSON: format == "json", ExternalLabels: batch.MustLabels("proof", format), MaxRequest: 50_000})
		entries := 0
		for _, l := range []batch.Labels{batch.MustLabels("app", "shop"), batch.MustLabels("app", "\"}\n\\日\uFFFD", "pod", "x")} {
			b := peculiar(at, l)
			entries += len(b.Entries)
			if err := to.Write(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		streams, err := s.Query(t.Context(), fmt.Sprintf(`{proof=%q}`, format), at.Add(-time.Minute), time.Now().Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if n := countEntries(streams); n != entries {
			t.Errorf("%s: %d entries are stored, want %d", format, n, entries)
		}
		var all []string
		for _, st := range streams {
			delete(st.Labels, "proof")
			for _, e := range st.Entries {
				if e.Line == "three times" && (e.Metadata["k0"] != "40" || e.Metadata["k19"] != "59") {
					t.Errorf("%s: of equal names the last does not win: %v", format, e.Metadata)
				}
				all = append(all, fmt.Sprintf("%v %d %q %q", st.Labels, e.Time.UnixNano(), e.Line, e.Metadata)) // maps are sorted
			}
		}
		slices.Sort(all)
		got[format] = strings.Join(all, "\n")
	}
	if got["protobuf"] != got["json"] {
		p, j := strings.Split(got["protobuf"], "\n"), strings.Split(got["json"], "\n")
		for i := range min(len(p), len(j)) {
			if p[i] != j[i] {
				t.Errorf("protobuf: %.300s\n    json: %.300s", p[i], j[i])
			}
		}
	}
}

// Loki measures what it makes of a request, not the request: at the largest MaxRequest, long lines go through in one
// piece, and short ones, which weigh more within Loki, in several. All are stored once.
func TestLargestJSONRequests(t *testing.T) {
	s := Start(t, Limits("ingestion_rate_mb: 100\ningestion_burst_size_mb: 100\nper_stream_rate_limit: 100MB\nper_stream_rate_limit_burst: 100MB"))
	rnd := rand.New(rand.NewPCG(1, 10))
	const most = 3 << 20
	for _, size := range []int{100_000, 200, 1} {
		t.Run(fmt.Sprintf("lines of %d bytes", size), func(t *testing.T) {
			app := fmt.Sprint("size", size)
			b := batch.New(nil, batch.MustLabels("app", app))
			at := time.Now().Add(-time.Minute)
			n := most/(size+27) - 1 // what a value takes beside its line
			for i := range n {
				line := make([]byte, size)
				for k := range line {
					line[k] = 'a' + byte(rnd.IntN(26))
				}
				b.Append(at.Add(time.Duration(i)), line)
			}
			to := newSink(t, loki.Config{URL: s.URL, EncodeJSON: true, MaxRequest: most})
			if err := to.Write(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			st := to.Stats()
			t.Logf("%d entries: %d bytes raw, %d compressed, in %d requests: %v", n, st.RawBytes, st.WireBytes, st.Requests, st.Statuses)
			if one := st.Requests == 1; one != (size > 1) || one && st.RawBytes < most*9/10 {
				t.Errorf("%d requests of %d bytes", st.Requests, st.RawBytes)
			}
			if got := (&prover{Server: s.As("")}).count(fmt.Sprintf(`{app=%q}`, app)); got != n {
				t.Errorf("%d entries are stored, want %d", got, n)
			}
		})
	}
}

// Loki measures what it was given, three bytes for one that is not UTF-8. With a limit of ours above its own it is Loki
// that refuses, and what it says finds the line at once.
func TestLokiMeasuresReplacedBytes(t *testing.T) {
	s := Start(t)
	at := time.Now().Add(-time.Minute)
	for _, c := range []struct {
		bytes    int
		maxLine  int
		refused  bool
		requests int64
	}{{87_381, 0, false, 1}, {87_382, 0, true, 0}, {87_382, 1 << 20, true, 1}, {87_381, 1 << 20, false, 1}} {
		b := batch.New(nil, batch.MustLabels("app", fmt.Sprint(c)))
		b.Append(at, []byte(strings.Repeat("\xff", c.bytes)))
		to := newSink(t, loki.Config{URL: s.URL, EncodeJSON: true, MaxLine: c.maxLine})
		err := to.Write(t.Context(), b)
		if refused := sink.IsPermanent(err); refused != c.refused || err != nil && !refused || to.Stats().Requests != c.requests {
			t.Errorf("%+v: %d requests, %v", c, to.Stats().Requests, err)
		}
	}
}
