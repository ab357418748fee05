package loki

import "slices"

// mayShare reports whether parcels may have a stream in common: several sets of labels have come to it at some time.
func (d *delivery) mayShare() bool {
	return len(d.parcels) > 1 && slices.ContainsFunc(d.parcels, func(p parcel) bool {
		return p.m.stream != nil && p.m.stream.shared.Load()
	})
}

// deliverShared is for parcels several of which are of one stream, as the labels by which they differ do not name it.
// They take turns, so that none of them puts another too far behind.
func (d *delivery) deliverShared() {
	var order []*stream
	groups := map[*stream][]*parcel{}
	for k := range d.parcels {
		p := &d.parcels[k]
		if len(p.idx) == 0 {
			continue
		}
		if groups[p.m.stream] == nil {
			order = append(order, p.m.stream)
		}
		groups[p.m.stream] = append(groups[p.m.stream], p)
	}
	for _, st := range order {
		if group := groups[st]; len(group) > 1 {
			d.deliverTurns(group)
		} else {
			d.deliver(group[0], group[0].idx)
		}
	}
}

// deliverTurns delivers the parcels of one stream: at each turn what is not further ahead of the oldest entry that is
// left than Loki allows.
func (d *delivery) deliverTurns(group []*parcel) {
	left := make([][]int32, len(group))
	for k, p := range group {
		left[k] = p.idx
	}
	for {
		oldest := -1
		for k, idx := range left {
			if len(idx) > 0 && (oldest < 0 || d.w.wall(idx[0]).Before(d.w.wall(left[oldest][0]))) {
				oldest = k
			}
		}
		if oldest < 0 {
			return
		}
		end := d.w.wall(left[oldest][0]).Add(d.sink.cfg.Times.MaxBehind)
		for k, p := range group {
			n := 0
			for n < len(left[k]) && !d.w.wall(left[k][n]).After(end) {
				n++
			}
			d.deliver(p, left[k][:n])
			left[k] = left[k][n:]
		}
		// What is left must not be asked about together with what has gone.
		d.flush()
	}
}
