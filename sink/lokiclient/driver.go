package lokiclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	client "github.com/grafana/loki-client-go/loki"
	"github.com/prometheus/common/model"

	"github.com/logferry/logferry/sink"
)

// A driver has the client, for one run of the Sink's task. It alone calls it.
type driver struct {
	client *client.Client
	tally  tally
	log    *complaints
	files  map[model.LabelValue]struct{} // labels filename, for each of which the client has a gauge
}

// drive makes a client and hands it one parcel after the other, until ctx is done. Nothing else calls the
// client, because its methods have no context: they may take as long as a request.
func (s *Sink) drive(ctx context.Context) (err error) {
	cfg := s.cfg.theirs()
	d := &driver{files: map[model.LabelValue]struct{}{}}
	if d.tally, err = theirMetrics.of(cfg.URL.Host); err != nil {
		return err
	}
	defer theirMetrics.drop(cfg.URL.Host)
	d.log = &complaints{tally: d.tally}
	if d.client, err = client.NewWithLogger(cfg, d.log); err != nil {
		return fmt.Errorf("lokiclient: %w", err)
	}
	defer d.stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-s.parcels:
			if err := d.serve(p); err != nil {
				return err
			}
		}
	}
}

// stop stops the client, and has it forget the gauges that nothing but another minute would end, and a gathering then.
func (d *driver) stop() {
	d.client.Stop()
	for name := range d.files {
		d.client.UnregisterLatencyMetric(model.LabelSet{client.LatencyLabel: name})
	}
}

// serve pushes a parcel and answers its Write, even if it panics: the task is restarted then, and nothing is known.
func (d *driver) serve(p *parcel) error {
	answer := errUnknown
	defer func() { p.done <- answer }()
	err := d.push(p)
	answer = p.err()
	return err
}

// push hands over a parcel and notes what became of every line. It returns an error if the client is of no more use.
func (d *driver) push(p *parcel) error {
	var fatal error
	for _, lines := range p.sections() {
		if fatal != nil {
			p.fail(lines, fatal)
			continue
		}
		fatal = d.section(p, lines)
	}
	return fatal
}

// section is push for the lines of one tenant, which are sent in their order.
func (d *driver) section(p *parcel, lines []line) error {
	start := d.tally.through()
	handed, failed := d.hand(p.ctx, lines)
	d.await(start + handed)
	if fatal := d.log.broken(); fatal != nil {
		p.fail(lines, fatal) // what was sent is sent again: which it was is no longer known
		return fatal
	}
	list := d.log.take()
	end := d.tally.lost()
	for i := len(list) - 1; i >= 0; i-- {
		c := list[i]
		first := c.through - start
		p.fail(lines[first:first+end-c.lost], c.err)
		end = c.lost
	}
	p.fail(lines[handed:], failed)
	return nil
}

// hand gives lines to the client until a request fails in a way that the next would, too. It returns how many it gave, and
// why not all of them.
func (d *driver) hand(ctx context.Context, lines []line) (int, error) {
	for i, l := range lines {
		if err := d.log.latest(); err != nil && !sink.IsPermanent(err) {
			return i, err
		}
		if ctx.Err() != nil {
			return i, errors.Join(errLate, ctx.Err())
		}
		if err := d.handle(l); err != nil {
			return i, err
		}
	}
	return len(lines), nil
}

func (d *driver) handle(l line) error {
	if name, ok := l.labels[client.LatencyLabel]; ok {
		d.files[name] = struct{}{}
	}
	if l.metadata == nil {
		return d.client.Handle(l.labels, l.time, l.text)
	}
	return d.client.HandleWithMetadata(l.labels, l.time, l.text, l.metadata)
}

// await waits until the client is through with everything, as it is in a time that its Timeout bounds, unless the answer is
// 101. It tells nobody: the only way to learn is to look.
func (d *driver) await(through int) {
	const most = 16 * time.Millisecond
	for pause := time.Millisecond; d.tally.through() < through && d.log.broken() == nil; pause = min(2*pause, most) {
		time.Sleep(pause)
	}
}
