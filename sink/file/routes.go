package file

import (
	"sync"
	"time"

	"github.com/logferry/logferry/batch"
)

// A route is the way of entries with the same labels, and times within a window, to a file.
type route struct {
	labels   *labelSet
	path     string
	from, to int64 // the window in Unix time, to not included; of no meaning if there is no time in paths
}

func (r *route) takes(t time.Time) bool {
	at := t.Unix()
	return r.from <= at && at < r.to
}

// maxRoutes bounds the routes that are remembered.
const maxRoutes = 1 << 16

// routes remembers routes by their labels, the latest window alone.
type routes struct {
	rule *pathRule
	mu   sync.RWMutex
	by   map[batch.Labels]*route
}

func (r *routes) of(l batch.Labels, t time.Time) *route {
	r.mu.RLock()
	known := r.by[l]
	r.mu.RUnlock()
	if known != nil && (r.rule.unit == 0 || known.takes(t)) {
		return known
	}
	next := &route{path: r.rule.render(l, t)}
	if known != nil {
		next.labels = known.labels
	} else {
		next.labels = newLabelSet(l)
	}
	if r.rule.unit > 0 {
		next.from, next.to = r.rule.window(t)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil || len(r.by) >= maxRoutes {
		r.by = map[batch.Labels]*route{}
	}
	r.by[l] = next
	return next
}
