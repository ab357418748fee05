package loki

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	"github.com/logferry/logferry/batch"
)

// Loki's defaults: max_label_names_per_series, max_label_name_length, max_label_value_length.
const (
	defaultMaxLabels = 14 // 15, with room for the service_name that Loki adds, whether or not it counts that
	maxLabelName     = 1024
	maxLabelValue    = 2048
	serviceName      = "service_name"
)

// A labelRule splits the labels of an entry.
type labelRule struct {
	external    batch.Labels
	allowed     []string // nil: all
	max         int
	tenantLabel string
	tenantID    string
}

// A split is what comes of the labels of an entry.
type split struct {
	tenant    string
	labels    batch.Labels
	moved     []batch.Attr // sorted by name
	overLimit bool         // some were moved for Loki's limits' sake
}

func (c Config) labelRule() labelRule {
	return labelRule{
		external: c.ExternalLabels, allowed: c.StreamLabels, max: c.MaxLabels, tenantLabel: c.TenantLabel, tenantID: c.TenantID,
	}
}

// checkLabels checks the fields of c that are about labels and tenants.
func (c Config) checkLabels() error {
	var errs []error
	bad := func(field, why string, args ...any) { errs = append(errs, wrong(field, why, args...)) }
	if c.MaxLabels < 0 {
		bad("MaxLabels", "%d: negative", c.MaxLabels)
	}
	if c.TenantID != "" {
		if why := tenantProblem(c.TenantID); why != "" {
			bad("TenantID", "%s", why)
		}
	}
	if c.TenantLabel != "" && !batch.ValidName(c.TenantLabel) {
		bad("TenantLabel", "%q is not a label name", c.TenantLabel)
	}
	none := c.StreamLabels != nil && c.ExternalLabels == (batch.Labels{})
	for _, name := range c.StreamLabels {
		none = none && name == c.TenantLabel // which is taken away
		if !batch.ValidName(name) {
			bad("StreamLabels", "%q is not a label name", name)
		}
	}
	if none {
		bad("StreamLabels", "leave every stream without labels: want one that names it, or ExternalLabels")
	}
	external := 0
	for name, value := range c.ExternalLabels.All() {
		if len(name) > maxLabelName || len(value) > maxLabelValue {
			bad("ExternalLabels", "%.40s: %d and %d bytes, limits %d and %d", name, len(name), len(value), maxLabelName, maxLabelValue)
		}
		if name == c.TenantLabel {
			bad("ExternalLabels", "%s is the TenantLabel: use TenantID", name)
		}
		if name != serviceName {
			external++
		}
	}
	if external > c.MaxLabels {
		bad("ExternalLabels", "%d beside %s, limit %d", external, serviceName, c.MaxLabels)
	}
	return errors.Join(errs...)
}

var errNoLabels = errors.New("loki: labels: none: Loki acknowledges and drops a stream without labels")

// split returns an error if entries with the labels own cannot be sent. The order in which labels are taken until there
// are enough is: external ones, those of the allow-list in its order, or else by name.
func (r *labelRule) split(own batch.Labels) (split, error) {
	left := maps.Collect(r.external.All())
	maps.Insert(left, own.All())
	tenant, err := r.tenant(left[r.tenantLabel])
	if err != nil {
		return split{}, err
	}
	out := split{tenant: tenant}
	delete(left, r.tenantLabel)
	stream := map[string]string{}
	room := r.max
	for _, name := range r.order(own) {
		value, found := left[name]
		switch {
		case !found:
		case len(name) > maxLabelName || len(value) > maxLabelValue || name != serviceName && room == 0:
			out.overLimit = true
		default:
			stream[name] = value
			delete(left, name)
			if name != serviceName {
				room--
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		out.moved = append(out.moved, batch.Attr{Key: name, Value: left[name]})
	}
	if len(stream) == 0 {
		return split{}, errNoLabels
	}
	out.labels, err = batch.NewLabels(stream)
	return out, err
}

// order returns the names of labels that may name a stream, some of them perhaps twice.
func (r *labelRule) order(own batch.Labels) []string {
	var names []string
	for name := range r.external.All() {
		names = append(names, name)
	}
	if r.allowed != nil {
		return append(names, r.allowed...)
	}
	for name := range own.All() {
		names = append(names, name)
	}
	return names
}

// lokiLabels returns l as Loki's parser reads it. U+FFFD becomes a question mark: the parser takes it for a decoding
// error, escaped or not, and the whole request would be lost.
func lokiLabels(l batch.Labels) []byte {
	return bytes.ReplaceAll(l.Append(nil), []byte("\uFFFD"), []byte("?"))
}
