package lokiclient

import (
	"context"
	"errors"
	"slices"
	"time"

	client "github.com/grafana/loki-client-go/loki"
	"github.com/grafana/loki/pkg/push"
	"github.com/prometheus/common/model"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A parcel is what one Write has to push. It has copies of everything, as the client goes on with what it was handed when
// the Write has ended.
type parcel struct {
	ctx      context.Context // of the Write
	lines    []line          // those of a tenant together
	failures []sink.Failure
	done     chan error // takes one
}

// A line is an entry as the client takes it.
type line struct {
	index    int // in the batch
	tenant   string
	labels   model.LabelSet
	time     time.Time
	text     string
	metadata push.LabelsAdapter
}

// pack copies b, and leaves out what must not be sent.
func pack(ctx context.Context, b *batch.Batch, external model.LabelSet) *parcel {
	p := &parcel{ctx: ctx, done: make(chan error, 1)}
	sets := map[batch.Labels]model.LabelSet{}
	tenants := map[string][]line{}
	var order []string
	for i := range b.Entries {
		l, err := lineOf(b, i, sets, external)
		if err != nil {
			p.failures = append(p.failures, sink.Failure{Index: i, Err: err})
			continue
		}
		if tenants[l.tenant] == nil {
			order = append(order, l.tenant)
		}
		tenants[l.tenant] = append(tenants[l.tenant], l)
	}
	for _, tenant := range order {
		p.lines = append(p.lines, tenants[tenant]...)
	}
	return p
}

func lineOf(b *batch.Batch, i int, sets map[batch.Labels]model.LabelSet, external model.LabelSet) (line, error) {
	e := &b.Entries[i]
	labels := e.Labels
	if labels == (batch.Labels{}) {
		labels = b.Labels
	}
	set, ok := sets[labels]
	if !ok {
		set = external.Merge(labelSet(labels))
		sets[labels] = set
	}
	l := line{index: i, tenant: string(set[client.ReservedLabelTenantID]), labels: set, time: e.Time}
	if _, tenant := set[client.ReservedLabelTenantID]; len(set) == 0 || tenant && len(set) == 1 {
		return l, errNoLabels
	}
	if year := e.Time.UTC().Year(); year < 1 || year > 9999 {
		return l, errNoTime
	}
	l.text = string(e.Line)
	for _, a := range e.Attrs {
		l.metadata = append(l.metadata, push.LabelAdapter{Name: a.Key, Value: a.Value})
	}
	return l, nil
}

func labelSet(labels batch.Labels) model.LabelSet {
	set := make(model.LabelSet, labels.Len())
	for name, value := range labels.All() {
		set[model.LabelName(name)] = model.LabelValue(value)
	}
	return set
}

// sections cuts the lines by tenant: the client has a request at hand for each, and sends them in any order.
func (p *parcel) sections() [][]line {
	var all [][]line
	for rest := p.lines; len(rest) > 0; {
		n := slices.IndexFunc(rest, func(l line) bool { return l.tenant != rest[0].tenant })
		if n < 0 {
			n = len(rest)
		}
		all, rest = append(all, rest[:n]), rest[n:]
	}
	return all
}

// fail makes failures of lines.
func (p *parcel) fail(lines []line, err error) {
	for _, l := range lines {
		p.failures = append(p.failures, sink.Failure{Index: l.index, Err: err})
	}
}

// err is what Write returns when everything is settled.
func (p *parcel) err() error {
	if len(p.failures) == 0 {
		return nil
	}
	return &sink.PartialError{Failures: p.failures}
}

// errUnknown is for a Write of which nothing is known.
var errUnknown = errors.New("lokiclient: the fate of the batch is not known")

// errLate is for what was not handed over because ctx had ended.
var errLate = errors.New("lokiclient: not sent")
