package lokitest

import (
	"fmt"
	"slices"
	"time"
)

// shardLabel is what Loki adds to the parts of a stream that it splits, by default above 1.5 MB/s.
const shardLabel = "__stream_shard__"

// A collection puts the pages of a query together. Its zero value is empty.
//
// A page starts at the newest instant of the one before, which the limit may have cut in two: a part of the entries of that
// instant comes again, in any order. They are told apart by counting, as nothing else distinguishes equal entries.
type collection struct {
	streams []Stream
	index   map[string]int // into streams, by label set
	newest  time.Time
	seen    map[string]int // how often each entry has been taken, for newest at least
}

// add merges a page and returns its size and its newest time.
func (c *collection) add(page []Stream) (size int, newest time.Time) {
	counts := make(map[string]int)
	for _, s := range page {
		size += len(s.Entries)
		delete(s.Labels, shardLabel)
		labels := fmt.Sprint(s.Labels) // fmt sorts the keys of a map
		for _, e := range s.Entries {
			if e.Time.After(newest) {
				newest = e.Time
			}
			key := fmt.Sprintf("%d %s %q %v", e.Time.UnixNano(), labels, e.Line, e.Metadata)
			if counts[key]++; counts[key] > c.seen[key] {
				to := c.stream(labels, s.Labels)
				to.Entries = append(to.Entries, e)
			}
		}
	}
	if newest.After(c.newest) {
		c.newest, c.seen = newest, counts
		return size, newest
	}
	// Still the same instant, of which this page may lack what an earlier one had.
	for key, n := range counts {
		c.seen[key] = max(c.seen[key], n)
	}
	return size, newest
}

// sorted returns all that was added, each stream in the order of its times: its shards come one after the other.
func (c *collection) sorted() []Stream {
	for _, s := range c.streams {
		slices.SortStableFunc(s.Entries, func(a, b Entry) int { return a.Time.Compare(b.Time) })
	}
	return c.streams
}

func (c *collection) stream(key string, labels map[string]string) *Stream {
	i, ok := c.index[key]
	if !ok {
		if c.index == nil {
			c.index = make(map[string]int)
		}
		i = len(c.streams)
		c.index[key] = i
		c.streams = append(c.streams, Stream{Labels: labels})
	}
	return &c.streams[i]
}
