package lokitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// pageSize is the entries asked for at a time.
	pageSize = 1000
	// maxPageSize is Loki's default max_entries_limit_per_query.
	maxPageSize = 5000
)

// errPageTooLarge says that a smaller page may be answered: Loki's processes exchange at most 4 MiB at a time.
var errPageTooLarge = errors.New("page too large")

// Query returns every entry that the LogQL log query matches from start to before end, each stream's in the order of their
// times, and in one piece even if Loki has sharded it. It pages, so the number of entries has no limit; the range must be at
// most 30 days, Loki's own limit.
//
// A Loki that has acknowledged a push returns it at once: there is nothing to wait for.
func (s *Server) Query(ctx context.Context, logql string, start, end time.Time) ([]Stream, error) {
	streams, err := queryPages(start, func(start time.Time, limit int) ([]Stream, error) {
		return s.queryPage(ctx, logql, start, end, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("lokitest: query %s: %w", logql, err)
	}
	return streams, nil
}

// queryPages collects page after page. fetch returns the first limit entries, over all streams together, from start on,
// start included.
func queryPages(start time.Time, fetch func(start time.Time, limit int) ([]Stream, error)) ([]Stream, error) {
	var got collection
	limit, largest := pageSize, maxPageSize
	for {
		page, err := fetch(start, limit)
		if errors.Is(err, errPageTooLarge) && limit > 1 {
			limit, largest = max(1, limit/4), limit-1
			continue
		}
		if err != nil {
			return nil, err
		}
		size, last := got.add(page)
		if size < limit {
			return got.sorted(), nil
		}
		if last.After(start) {
			start = last // asked for again: the limit may have cut the entries of that instant in two
			continue
		}
		// The page is full of one instant: only a larger one gets beyond it.
		if limit == largest {
			return nil, fmt.Errorf("%d or more entries at %v: more than a query can return", limit, start)
		}
		limit = min(2*limit, largest)
	}
}

// queryPage asks for one page twice. Only with categorize-labels does Loki keep structured metadata apart from a stream's
// labels, but then it also hides errors: what it could not read is missing from an answer of status 200, because its
// categorizeLabelsIterator does not pass on the error of the iterator inside. So the plain form, which reports them, says
// how many entries there must be.
func (s *Server) queryPage(ctx context.Context, logql string, start, end time.Time, limit int) ([]Stream, error) {
	path := "/loki/api/v1/query_range?" + url.Values{
		"query":     {logql},
		"start":     {strconv.FormatInt(start.UnixNano(), 10)},
		"end":       {strconv.FormatInt(end.UnixNano(), 10)},
		"limit":     {strconv.Itoa(limit)},
		"direction": {"forward"},
	}.Encode()
	plain, err := s.queryStreams(ctx, path, nil)
	if err != nil {
		return nil, err
	}
	page, err := s.queryStreams(ctx, path, http.Header{"X-Loki-Response-Encoding-Flags": {"categorize-labels"}})
	if err != nil {
		return nil, err
	}
	if got, want := countEntries(page), countEntries(plain); got < want {
		return nil, fmt.Errorf("%w: %d of %d entries with their metadata", errPageTooLarge, got, want)
	}
	return page, nil
}

func (s *Server) queryStreams(ctx context.Context, path string, header http.Header) ([]Stream, error) {
	status, body, err := s.get(ctx, path, header)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		err := fmt.Errorf("status %d: %s", status, body)
		if bytes.Contains(body, []byte("message larger than max")) {
			err = fmt.Errorf("%w: %w", errPageTooLarge, err)
		}
		return nil, err
	}
	var answer struct {
		Data struct {
			ResultType string   `json:"resultType"`
			Result     []Stream `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	if answer.Data.ResultType != "streams" {
		return nil, fmt.Errorf("the answer is a %s, not log lines", answer.Data.ResultType)
	}
	return answer.Data.Result, nil
}

func countEntries(streams []Stream) int {
	n := 0
	for _, s := range streams {
		n += len(s.Entries)
	}
	return n
}
