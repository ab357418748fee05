package lokitest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// stored is what a fake Loki holds: one entry with the stream it belongs to.
type stored struct {
	stream string
	Entry
}

// fakeLoki answers pages like query_range does: the first limit entries over all streams from start on, where those of one
// instant come in another order each time.
func fakeLoki(rng *rand.Rand, all []stored) func(time.Time, int) ([]Stream, error) {
	return func(start time.Time, limit int) ([]Stream, error) {
		all := slices.Clone(all)
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		all = slices.DeleteFunc(all, func(e stored) bool { return e.Time.Before(start) })
		slices.SortStableFunc(all, func(a, b stored) int { return a.Time.Compare(b.Time) })
		return byStream(all[:min(limit, len(all))]), nil
	}
}

func byStream(all []stored) []Stream {
	var streams []Stream
	for _, e := range all {
		i := slices.IndexFunc(streams, func(s Stream) bool { return s.Labels["app"] == e.stream })
		if i < 0 {
			i = len(streams)
			streams = append(streams, Stream{Labels: map[string]string{"app": e.stream}})
		}
		streams[i].Entries = append(streams[i].Entries, e.Entry)
	}
	return streams
}

// lines lists the content of streams, with all that tells two entries apart, in a canonical order.
func lines(streams []Stream) []string {
	var out []string
	for _, s := range streams {
		for _, e := range s.Entries {
			out = append(out, fmt.Sprintf("%020d %v %s %v", e.Time.UnixNano(), s.Labels, e.Line, e.Metadata))
		}
	}
	slices.Sort(out)
	return out
}

func TestQueryPagesReturnsEachEntryOnce(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	start := time.Unix(1_700_000_000, 0)
	for round := range 10 {
		// From every entry at its own instant to thousands at one; few distinct lines, so that equal entries occur.
		var all []stored
		instants := 1 + rng.IntN(1<<rng.IntN(12))
		size := rng.IntN(3 * pageSize)
		for range size {
			all = append(all, stored{
				stream: strconv.Itoa(rng.IntN(5)),
				Entry:  Entry{Time: start.Add(time.Duration(rng.IntN(instants))), Line: strconv.Itoa(rng.IntN(50))},
			})
		}
		got, err := queryPages(start, fakeLoki(rng, all))
		if err != nil {
			t.Fatalf("round %d: %d entries at %d instants: %v", round, size, instants, err)
		}
		if got, want := lines(got), lines(byStream(all)); !slices.Equal(got, want) {
			t.Fatalf("round %d: %d entries at %d instants: got %d entries, not the same", round, size, instants, len(got))
		}
		for _, s := range got {
			if !slices.IsSortedFunc(s.Entries, func(a, b Entry) int { return a.Time.Compare(b.Time) }) {
				t.Fatalf("round %d: stream %v is not in order", round, s.Labels)
			}
		}
	}
}

func TestQueryPagesRefusesAnInstantBeyondTheLimit(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	var all []stored
	for i := range maxPageSize + 1 {
		all = append(all, stored{stream: "a", Entry: Entry{Time: start, Line: strconv.Itoa(i)}})
	}
	_, err := queryPages(start, fakeLoki(rand.New(rand.NewPCG(1, 1)), all))
	if err == nil || !strings.Contains(err.Error(), "more than a query can return") {
		t.Fatalf("got %v, want an error about too many entries", err)
	}
}

func TestQueryPagesAsksForLessWhenAPageIsTooLarge(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	var all []stored
	for i := range 40 {
		all = append(all, stored{stream: "a", Entry: Entry{Time: start.Add(time.Duration(i)), Line: strconv.Itoa(i)}})
	}
	fake := fakeLoki(rand.New(rand.NewPCG(1, 1)), all)
	smallest := pageSize
	got, err := queryPages(start, func(start time.Time, limit int) ([]Stream, error) {
		smallest = min(smallest, limit)
		if limit > 20 {
			return nil, fmt.Errorf("big lines: %w", errPageTooLarge)
		}
		return fake(start, limit)
	})
	if err != nil || !slices.Equal(lines(got), lines(byStream(all))) {
		t.Fatalf("got %d entries, %v", len(lines(got)), err)
	}
	if want := pageSize / 4 / 4 / 4; smallest != want {
		t.Fatalf("went down to pages of %d, want %d", smallest, want)
	}
}

func TestQueryPagesGivesUpBetweenTooLargeAndTooSmall(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	_, err := queryPages(start, func(start time.Time, limit int) ([]Stream, error) {
		if limit > 800 {
			return nil, errPageTooLarge
		}
		return []Stream{{Entries: slices.Repeat([]Entry{{Time: start}}, limit)}}, nil
	})
	if err == nil || !strings.Contains(err.Error(), "more than a query can return") {
		t.Fatalf("got %v, want an error about too many entries", err)
	}
}

func TestEntryUnmarshal(t *testing.T) {
	for _, tc := range []struct{ json, want, err string }{
		{json: `["12","a line"]`, want: "12 a line map[]"},
		{json: `["12","x",{}]`, want: "12 x map[]"},
		{json: `["12","x",{"structuredMetadata":{"k":"v"},"parsed":{"p":"q"}}]`, want: "12 x map[k:v]"},
		{json: `["12"]`, err: "1 elements"},
		{json: `["12","x",{},1]`, err: "4 elements"},
		{json: `["noon","x"]`, err: "time of an entry"},
		{json: `{}`, err: "cannot unmarshal"},
	} {
		var e Entry
		err := e.UnmarshalJSON([]byte(tc.json))
		if !strings.Contains(fmt.Sprint(err), cmp.Or(tc.err, "<nil>")) {
			t.Errorf("%s: error %v, want %q", tc.json, err, tc.err)
		}
		if got := fmt.Sprint(e.Time.UnixNano(), " ", e.Line, " ", e.Metadata); err == nil && got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.json, got, tc.want)
		}
	}
}
