package lokitest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	protopush "github.com/grafana/loki/pkg/push"
	"github.com/prometheus/otlptranslator"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink/loki"
)

// TestRequestsAreWhatLokiWouldMarshal: what the sink appends by hand is byte for byte what Loki's own types make of the
// same streams, with one stream in a request and with several.
func TestRequestsAreWhatLokiWouldMarshal(t *testing.T) {
	for name, packed := range map[string]bool{"exact": false, "packed": true} {
		t.Run(name, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			g := writer{rand.New(rand.NewPCG(seed, 0))}
			c := newCapture(t)
			for range 300 {
				// A new one, that knows of nothing newer: some of the entries are centuries behind others.
				s, err := loki.New(loki.Config{URL: c.URL, Packed: packed, MaxRequest: 3 << 20, Times: loki.Times{MaxBehind: math.MaxInt64}})
				if err != nil {
					t.Fatal(err)
				}
				b := g.batch(packed)
				if err := errors.Join(s.Write(t.Context(), b), s.Close(t.Context())); err != nil {
					t.Fatal(err)
				}
				got := c.take()
				want, err := asPushed(b).Marshal()
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					at := 0
					for at < min(len(got), len(want)) && got[at] == want[at] {
						at++
					}
					t.Fatalf("from byte %d of %d on the sink sends\n%.300q\nand Loki would, of %d,\n%.300q", at, len(got), got[at:], len(want), want[at:])
				}
			}
		})
	}
}

// asPushed is what b means to Loki.
func asPushed(b *batch.Batch) *protopush.PushRequest {
	r := &protopush.PushRequest{}
	of := map[string]int{}
	for i := range b.Entries {
		labels := strings.ReplaceAll(b.LabelsOf(i).String(), "\uFFFD", "?")
		k, known := of[labels]
		if !known {
			k = len(r.Streams)
			of[labels] = k
			r.Streams = append(r.Streams, protopush.Stream{Labels: labels})
		}
		e := &b.Entries[i]
		pushed := protopush.Entry{Timestamp: e.Time, Line: string(e.Line)}
		for _, a := range e.Attrs {
			pushed.StructuredMetadata = append(pushed.StructuredMetadata, protopush.LabelAdapter{Name: sentName(a.Key), Value: a.Value})
		}
		r.Streams[k].Entries = append(r.Streams[k].Entries, pushed)
	}
	for _, s := range r.Streams {
		slices.SortStableFunc(s.Entries, func(a, b protopush.Entry) int { return a.Timestamp.Compare(b.Timestamp) })
	}
	return r
}

// sentName is the name under which metadata is sent: as Loki itself would rewrite it unless it is a label name, or what the
// sink has in its place where Loki fails.
func sentName(name string) string {
	normal, err := (&otlptranslator.LabelNamer{}).Build(name)
	if err != nil || strings.Trim(normal, "_") == "" {
		return "unnamed"
	}
	if batch.ValidName(name) {
		return name
	}
	return normal
}

// A writer writes what nobody would.
type writer struct{ *rand.Rand }

func (g writer) batch(packed bool) *batch.Batch {
	b := batch.New(nil, batch.Labels{})
	streams := []batch.Labels{g.labels("0")}
	if packed {
		for i := range g.IntN(5) {
			streams = append(streams, g.labels(fmt.Sprint(i+1)))
		}
	}
	era := g.IntN(4)
	if packed {
		era = 0 // else the sink has good reason not to pack
	}
	now := time.Now()
	for range 1 + g.IntN(50) {
		b.Append(g.time(now, era), []byte(g.text(g.IntN(200))), g.attrs()...)
		b.Entries[len(b.Entries)-1].Labels = streams[g.IntN(len(streams))]
	}
	return b
}

// time returns one of now, of the epoch, or of the first or the last seconds that there are for Loki, with every size of
// nanoseconds.
func (g writer) time(now time.Time, era int) time.Time {
	var nanos int64
	switch g.IntN(4) {
	case 1:
		nanos = g.Int64N(200)
	case 2:
		nanos = g.Int64N(1e9)
	case 3:
		nanos = 999_999_999
	}
	switch era {
	case 1:
		return time.Unix(g.Int64N(300)-150, nanos)
	case 2:
		return time.Unix(math.MinInt64/1_000_000_000+1+g.Int64N(3), nanos)
	case 3:
		return time.Unix(math.MaxInt64/1_000_000_000-1-g.Int64N(3), nanos)
	}
	return now.Add(-time.Duration(nanos))
}

func (g writer) labels(id string) batch.Labels {
	m := map[string]string{"id": id}
	for range g.IntN(6) {
		name := cmp.Or(strings.Map(func(r rune) rune {
			if r < 0x80 && batch.ValidName("a"+string(r)) {
				return r
			}
			return -1
		}, g.text(5)), "l")
		if batch.ValidName(name) {
			m[name] = strings.ToValidUTF8(g.text(g.IntN(20)), "\uFFFD")
		}
	}
	l, err := batch.NewLabels(m)
	if err != nil {
		panic(err)
	}
	return l
}

func (g writer) attrs() (attrs []batch.Attr) {
	if g.IntN(2) == 0 {
		return nil
	}
	for range g.IntN(5) {
		attrs = append(attrs, batch.Attr{Key: g.text(g.IntN(12)), Value: g.text(g.IntN(300))})
	}
	return attrs
}

var pieces = []string{
	"a", "Z", "0", "9", "_", "__", ".", "-", " ", "ä", "日", "😀", "\uFFFD", "\x00", "\n", "\"", "\\", "{", "}", "=", ",", "\xff", "\xe6\x97", "\u2028", "level", "'", "`",
}

// text returns n pieces at most.
func (g writer) text(n int) string {
	var b strings.Builder
	for range n {
		b.WriteString(pieces[g.IntN(len(pieces))])
	}
	return b.String()
}
