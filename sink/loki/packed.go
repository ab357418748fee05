package loki

import "time"

// takes reports whether a stream of the tenant may be added to what r has.
func (r *builder) takes(tenant string) bool {
	return len(r.parts) == 0 || r.parts[0].of.m.tenant == tenant
}

// riskyShare is the part of a request above which a stream has the request to itself.
const riskyShare = 4

// risky reports whether Loki may refuse some of the entries idx of p in a way that it does not report if other streams are
// in the same request: because the stream is fast, or they are too far behind. That may be so of a stream which is shared:
// the other labels' entries go to Loki at the same time, or in front of these in the same request.
func (d *delivery) risky(p *parcel, idx []int32) bool {
	if len(idx) == 0 {
		return false
	}
	if p.m.stream.shared.Load() {
		return true
	}
	size := 0
	for _, i := range idx {
		size += len(d.w.entry(i).Line)
	}
	now := time.Now()
	p.m.stream.pace.add(size, now)
	if p.m.stream.pace.fast(now) || size > d.sink.cfg.MaxRequest/riskyShare {
		return true
	}
	newest := p.m.stream.clock.last()
	if newest.IsZero() {
		// Whoever sent this stream before us sent nothing from the future.
		newest = now
	}
	return d.w.wall(idx[0]).Before(newest.Add(-d.sink.cfg.Times.MaxBehind))
}

// packed sends a request of several streams. An answer that is about some of the entries may conceal what became of
// others, so that all streams are sent again then, each alone. Loki stores what it has already only once.
func (d *delivery) packed(parts []part, r request) {
	a, rule := d.ask(r)
	switch {
	case rule.verdict == stored:
		for _, part := range parts {
			d.accept(part.of, part.idx)
		}
		return
	case rule.verdict == undelivered && rule.scope != thisStream, rule.verdict == limited && rule.scope != thisStream && !rule.burst:
		for _, part := range parts {
			d.end(part.of, d.stop(part.of, part.idx, rule))
		}
		return
	case rule.verdict == tooLarge:
		d.sink.ceiling.refused(a.request, d.sink.cfg.MaxRequest, time.Now())
	}
	for _, part := range parts {
		err := d.stopped(part.of)
		if err != nil {
			d.fail(part.idx, err)
			continue
		}
		d.end(part.of, d.repeat(part.of, part.idx, a))
	}
}
