package loki

// A request is an encoded and compressed push.
type request struct {
	tenant string
	wire   *buffer
	raw    int // bytes before compression
}

// A builder collects the streams of one request. The zero builder is empty.
type builder struct {
	raw   *buffer
	msg   []byte // the streams so far, in raw's memory unless they outgrew it
	parts []part
}

// A part is what a request holds of one parcel.
type part struct {
	of  *parcel
	idx []int32
}

// add puts as many of idx into the request as fit into limit bytes, at least one if it is empty, and returns their
// number.
func (s *Sink) add(r *builder, p *parcel, w *draft, idx []int32, limit int) int {
	if r.raw == nil {
		r.raw = s.raws.take(max(limit+maxHead, s.codec.room(p.m, w, idx[0])))
		r.msg = r.raw.b
	}
	var n int
	if r.msg, n = s.codec.stream(r.msg, p.m, w, idx, limit); n > 0 {
		r.parts = append(r.parts, part{p, idx[:n]})
	}
	return n
}

// finish returns the request that r has collected. The caller releases its wire. r is empty then, but for its parts.
func (s *Sink) finish(r *builder) request {
	r.msg = s.codec.end(r.msg)
	out := request{tenant: r.parts[0].of.m.tenant, wire: s.wires.take(0), raw: len(r.msg)}
	s.codec.compress(out.wire, r.msg)
	if cap(r.msg) > cap(r.raw.b) {
		r.raw.b = r.msg
	}
	r.raw.release()
	r.raw, r.msg = nil, nil
	return out
}
