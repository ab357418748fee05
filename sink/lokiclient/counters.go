package lokiclient

import (
	"errors"
	"strconv"

	client "github.com/grafana/loki-client-go/loki"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// A metric is one of the client's. It is known by its name, its help and its labels together.
type metric struct{ name, help string }

var (
	sentEntries    = metric{"sent_entries_total", "Number of log entries sent to the ingester."}
	droppedEntries = metric{"dropped_entries_total", "Number of log entries dropped because failed to be sent to the ingester after all retries."}
)

// byHost are the counters whose only label is the host.
var byHost = []metric{
	sentEntries,
	droppedEntries,
	{"encoded_bytes_total", "Number of bytes encoded and ready to send."},
	{"sent_bytes_total", "Number of bytes sent."},
	{"dropped_bytes_total", "Number of bytes dropped because failed to be sent to the ingester after all retries."},
	{"batch_retries_total", "Number of times batches has had to be retried."},
}

// duration has the status of the answer as well, -1 if there was none.
var duration = metric{"request_duration_seconds", "Duration of send requests."}

const statusLabel = "status_code"

func (m metric) counter() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "promtail", Name: m.name, Help: m.help}, []string{client.HostLabel})
}

func (m metric) histogram() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "promtail", Name: m.name, Help: m.help}, []string{statusLabel, client.HostLabel})
}

// Unregister takes the metrics promtail_*, which loki-client-go has registered, off r, usually
// [prometheus.DefaultRegisterer]: for a host whose registry is its own affair. They go on counting, for every client there
// is in the process. It is called once, by the host, and reports whether all of them were there. The gauge
// promtail_stream_lag_seconds stays, since it does not say what it is; it has values for streams with a label filename.
func Unregister(r prometheus.Registerer) bool {
	all := r.Unregister(duration.histogram())
	for _, m := range byHost {
		all = r.Unregister(m.counter()) && all
	}
	return all
}

// theirMetrics are found while packages are initialised, that is after they were registered, and before a host can take them
// off again. Nothing changes them.
var theirMetrics = find(prometheus.DefaultRegisterer)

// metrics are the client's own.
type metrics struct {
	counters map[metric]*prometheus.CounterVec
	duration *prometheus.HistogramVec
	err      error // they are not there
}

// find asks r for them. There is no way to ask but to register another of the same name.
func find(r prometheus.Registerer) metrics {
	found := metrics{counters: map[metric]*prometheus.CounterVec{}}
	var errs []error
	for _, m := range byHost {
		v, err := existing(r, m.counter())
		found.counters[m] = v
		errs = append(errs, err)
	}
	var err error
	found.duration, err = existing(r, duration.histogram())
	found.err = errors.Join(append(errs, err)...)
	return found
}

func existing[C prometheus.Collector](r prometheus.Registerer, like C) (C, error) {
	err := r.Register(like)
	if there, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if c, ok := there.ExistingCollector.(C); ok {
			return c, nil
		}
	}
	if err == nil {
		r.Unregister(like)
	}
	return like, errors.New("lokiclient: another default registry has taken the place of that with the metrics of loki-client-go")
}

// A tally reads what one client has counted: the host of its URL is its own.
type tally struct {
	host          string
	sent, dropped prometheus.Counter
}

func (m metrics) of(host string) (tally, error) {
	if m.err != nil {
		return tally{}, m.err
	}
	return tally{
		host:    host,
		sent:    m.counters[sentEntries].WithLabelValues(host),
		dropped: m.counters[droppedEntries].WithLabelValues(host),
	}, nil
}

// drop forgets what a client has counted.
func (m metrics) drop(host string) {
	for _, c := range m.counters {
		c.DeleteLabelValues(host)
	}
	m.duration.DeleteLabelValues("-1", host)
	for status := range statuses {
		m.duration.DeleteLabelValues(strconv.Itoa(status), host)
	}
}

// statuses is one more than the largest status that net/http reads.
const statuses = 1000

// lost is how many entries the client has given up.
func (t tally) lost() int { return value(t.dropped) }

// through is how many it has given up or sent.
func (t tally) through() int { return value(t.sent) + value(t.dropped) }

func value(c prometheus.Counter) int {
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		return 0 // a counter has no error to return
	}
	return int(m.GetCounter().GetValue())
}
