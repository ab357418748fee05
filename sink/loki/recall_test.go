package loki

import (
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// recallOf remembers the entries of b for which open is set, the first with a time one second after start, and so on.
func recallOf(r *recall, b *batch.Batch, all bool, open ...bool) *draft {
	w := &draft{b: b}
	for i := range b.Entries {
		w.sent = append(w.sent, sentTime{at: start.Add(time.Duration(i+1) * time.Second), clamped: true})
	}
	r.replace(w, allOf(b), open, all)
	return w
}

// Entries are known by their time, line and attributes, and equal ones are given their times in the order they had.
func TestRecall(t *testing.T) {
	b := lines(start, "same", "same", "other", "same", "same")
	b.Entries[3].Time = start.Add(1)
	b.Entries[4].Attrs = []batch.Attr{{Key: "k", Value: "v"}}
	var r recall
	w := recallOf(&r, b, false, true, true, false, true, true)
	for _, c := range []struct {
		i    int32
		want time.Duration
	}{{2, 0}, {4, 5}, {0, 1}, {3, 4}, {1, 2}, {0, 0}, {4, 0}} {
		s, found := r.take(w, c.i)
		if found != (c.want > 0) || found && !s.at.Equal(start.Add(c.want*time.Second)) {
			t.Errorf("entry %d: %v, %v, want %d s", c.i, s, found, c.want)
		}
	}
	if !r.empty() || len(r.of) != 0 {
		t.Errorf("%d are left", len(r.of))
	}
}

// Texts that run together are told apart.
func TestRecallTellsTextsApart(t *testing.T) {
	b := batch.New(nil, shop)
	b.Append(start, []byte("ab"), batch.Attr{Key: "c", Value: "d"})
	b.Append(start, []byte("a"), batch.Attr{Key: "bc", Value: "d"})
	b.Append(start, []byte("ab"), batch.Attr{Key: "cd"})
	b.Append(start, []byte("abcd"))
	var r recall
	w := recallOf(&r, b, false, true, true, true, true)
	for i := range int32(4) {
		if s, found := r.take(w, 3-i); !found || !s.at.Equal(start.Add(time.Duration(4-i)*time.Second)) {
			t.Errorf("entry %d: %v, %v", 3-i, s, found)
		}
	}
}

// What is remembered is what the latest Write left, and nothing if that was all delivered: it does not pile up.
func TestRecallForgets(t *testing.T) {
	f := newFake(t)
	down := fixedAnswer{500, "empty ring", nil}
	f.answers(down, down, down)
	s := newSink(t, f.URL, func(c *Config) { c.Times = Times{TooOld: Clamp, Distinct: true} })
	r := &s.mappings.of(shop).recall
	for i, c := range []struct{ lines, want int }{{5, 5}, {7, 7}, {1, 1}, {3, 0}} {
		if err := s.Write(t.Context(), newBatch(shop, numbered(c.lines)...)); (err == nil) != (c.want == 0) {
			t.Fatal(err)
		}
		if len(r.of) != c.want || len(r.list) != c.want {
			t.Errorf("Write %d: %d are remembered, want %d", i, len(r.of), c.want)
		}
	}
	// What is refused for good is not expected again.
	f.answers()
	b := newBatch(shop, "fine", "no time")
	b.Entries[1].Time = time.Time{}
	if err := s.Write(t.Context(), b); err == nil || !r.empty() {
		t.Errorf("%d are remembered: %v", len(r.of), err)
	}
	// Without policies, nothing is.
	s = newSink(t, "http://127.0.0.1:1")
	if err := s.Write(t.Context(), b); err == nil || !s.mappings.of(shop).recall.empty() {
		t.Error(err)
	}
}
