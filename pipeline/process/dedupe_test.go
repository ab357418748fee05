package process_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline/process"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// lines makes items, a second apart, the first of them written at that second after
// noon.
func lines(from int, texts ...string) (items []item) {
	for i, s := range texts {
		items = append(items, item{line: s, at: noon.Add(time.Duration(from+i) * time.Second)})
	}
	return items
}

func TestDedupe(t *testing.T) {
	mail := batch.MustLabels("app", "mail")
	d := process.Must(process.Dedupe(process.DedupeConfig{}))
	for i, test := range []struct {
		items []item
		want  string
		drops int
	}{
		{lines(0, "a", "b", "a", "a", "c", "b"), "a b c", 3},
		{append(lines(6, "a", "d"), item{line: "a", labels: mail, at: noon.Add(7 * time.Second)}), "d a", 1},
		{lines(9, "a"), "", 1},
		{lines(10, "a", "e"), "a e|repeated 4 times: a|repeated 1 times: b", 0}, // b's window is over at 11
		{lines(12, "b", "b"), "b", 1},
		{lines(100, "x"), "x|repeated 1 times: b", 0}, // long after
		{lines(95, "x"), "", 1},                       // written before
		{lines(80, "x"), "x", 0},                      // long before
	} {
		got, drops := left(t, d, test.items...)
		want := strings.Fields(strings.Split(test.want, "|")[0])
		if _, said, ok := strings.Cut(test.want, "|"); ok {
			want = append(want, strings.Split(said, "|")...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("batch %d: %q, want %q", i, got, want)
		}
		if n := test.drops; n > 0 && !slices.Equal(drops, []batch.Dropped{{Reason: "duplicate", Entries: n}}) || n == 0 && drops != nil {
			t.Errorf("batch %d: counted %v, want %d", i, drops, n)
		}
	}
}

// What is said of a line tells when it was repeated, in the stream it is of, and not
// earlier than what comes before it.
func TestDedupeSays(t *testing.T) {
	mail := batch.MustLabels("app", "mail")
	long := strings.Repeat("ä", 500)
	d := process.Must(process.Dedupe(process.DedupeConfig{Window: time.Minute, MaxLines: 1}))
	items := lines(0, long, long, long, "next", "later")
	for i := range items {
		items[i].labels = mail
	}
	b := batchOf(items...)
	if err := d.Process(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	e := b.Entries[len(b.Entries)-1]
	want := []batch.Attr{{Key: "repeated", Value: "2"}, {Key: "first_repeated", Value: "2026-11-26T12:00:01Z"}, {Key: "last_repeated", Value: "2026-11-26T12:00:02Z"}}
	if string(e.Line) != "repeated 2 times: "+strings.Repeat("ä", 128) || e.Labels != mail || !slices.Equal(e.Attrs, want) || !e.Time.Equal(noon.Add(4*time.Second)) {
		t.Errorf("%s %s %v %v", e.Line, e.Labels, e.Attrs, e.Time)
	}
}

// What is dropped is what is said to have been repeated, but for what the end cuts
// off; each line passes at least once in a window; and nothing grows.
func TestDedupeLosesNoCount(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	d := process.Must(process.Dedupe(process.DedupeConfig{Window: 5 * time.Second, MaxLines: 8, MaxStreams: 5}))
	at, dropped, said := noon, 0, 0
	passed := map[string]time.Time{}
	for round := range 2000 {
		var items []item
		for range rnd.IntN(20) {
			at = at.Add(time.Duration(rnd.IntN(500)) * time.Millisecond)
			l := batch.MustLabels("n", strconv.Itoa(rnd.IntN(4)))
			items = append(items, item{line: fmt.Sprintf("%s %d", l, rnd.IntN(3+rnd.IntN(20))), labels: l, at: at})
		}
		if round == 1999 { // the end: every window is over, and each stream has a batch
			at = at.Add(time.Hour)
			items = nil
			for i := range 4 {
				items = append(items, item{line: "end", labels: batch.MustLabels("n", strconv.Itoa(i)), at: at})
			}
		}
		b := batchOf(items...)
		if err := d.Process(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		for _, x := range b.Drops() {
			dropped += x.Entries
		}
		kept := map[string]bool{}
		for _, e := range b.Entries {
			if len(e.Attrs) > 0 {
				n, _ := strconv.Atoi(e.Attrs[0].Value)
				said += n
				continue
			}
			kept[string(e.Line)] = true
			passed[string(e.Line)] = e.Time
		}
		for _, x := range items {
			if last, ok := passed[x.line]; !ok || x.at.Sub(last) >= 5*time.Second {
				t.Fatalf("%s was written at %v and passed at %v", x.line, x.at, last)
			}
		}
		b.Settle(nil)
	}
	if dropped == 0 || said != dropped {
		t.Errorf("%d were dropped, %d said to be", dropped, said)
	}
}

// Streams beyond the bound pass, until others have been silent.
func TestDedupeManyStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := process.Must(process.Dedupe(process.DedupeConfig{MaxStreams: 2, Always: process.SeverityError}))
		of := func(n int, attrs ...batch.Attr) []item {
			return slices.Repeat([]item{{line: "x", labels: batch.MustLabels("n", fmt.Sprint(n)), attrs: attrs}}, 3)
		}
		for i, want := range []int{1, 1, 3, 0, 0} {
			if got, _ := left(t, d, of(i%3)...); len(got) != want {
				t.Errorf("turn %d: %d passed, want %d", i, len(got), want)
			}
		}
		if got, _ := left(t, d, of(1, batch.Attr{Key: "level", Value: "error"})...); len(got) != 3 {
			t.Errorf("%d errors passed", len(got))
		}
		time.Sleep(11 * time.Second)
		left(t, d, of(0)...)
		if got, _ := left(t, d, of(7)...); len(got) != 1 {
			t.Errorf("%d passed when there was room again", len(got))
		}
		if got, _ := left(t, d, of(0)...); len(got) != 0 {
			t.Errorf("%d passed of a stream that was not silent", len(got))
		}
	})
}

func TestDedupeConcurrently(t *testing.T) {
	d := process.Must(process.Dedupe(process.DedupeConfig{Window: time.Hour, MaxStreams: 3}))
	var mu sync.Mutex
	passed := map[string]int{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				b := batchOf(item{line: fmt.Sprint(i % 10), labels: batch.MustLabels("n", fmt.Sprint(i%3)), at: noon}, item{line: "x", at: noon})
				if err := d.Process(t.Context(), b); err != nil {
					t.Error(err)
				}
				mu.Lock()
				for i, e := range b.Entries {
					passed[b.LabelsOf(i).String()+string(e.Line)]++
				}
				mu.Unlock()
				b.Settle(nil)
			}
		})
	}
	wg.Wait()
	once := 0
	for _, n := range passed {
		if n == 1 {
			once++
		}
	}
	if len(passed) != 31 || once < 20 {
		t.Errorf("%v", passed)
	}
}

func TestDedupeConfig(t *testing.T) {
	_, err := process.Dedupe(process.DedupeConfig{Window: -1, MaxLines: -1, MaxStreams: -1, Always: 99})
	names(t, err, "Dedupe: Window", "Dedupe: MaxLines", "Dedupe: MaxStreams", "Dedupe: Always")
}

// Lines that differ, of which 64 are remembered.
func BenchmarkDedupe(b *testing.B) {
	var lines []string
	for i := range 500 {
		lines = append(lines, hadoop+strconv.Itoa(i))
	}
	benchProcess(b, process.Must(process.Dedupe(process.DedupeConfig{})), lines...)
}

// However lines come, no more is dropped than what is equal to one that passed.
func FuzzDedupe(f *testing.F) {
	f.Add("a\na\nb\n\na", int64(1), uint8(3))
	f.Fuzz(func(t *testing.T, text string, apart int64, most uint8) {
		d := process.Must(process.Dedupe(process.DedupeConfig{MaxLines: int(most)}))
		var items []item
		seen := map[string]bool{}
		for i, line := range strings.Split(text, "\n") {
			items = append(items, item{line: line, at: noon.Add(time.Duration(int64(i) * (apart % 1e10)))})
			seen[line] = true
		}
		got, drops := left(t, d, items...)
		n := 0
		for _, x := range drops {
			n += x.Entries
		}
		for line := range seen {
			if !slices.Contains(got, line) {
				t.Errorf("%q did not pass", line)
			}
		}
		if len(got) < len(items)-n || n > len(items)-len(seen) {
			t.Errorf("%d of %d are left, %d dropped", len(got), len(items), n)
		}
	})
}
