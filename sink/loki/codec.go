package loki

import "github.com/logferry/logferry/batch"

// A codec is one of the formats in which Loki takes a push. Its methods append to dst, and may be called concurrently.
type codec interface {
	// contentType and contentEncoding are header fields; empty: none.
	contentType() string
	contentEncoding() string

	// labels appends what begins a stream of the labels l; attrs what every entry carries of labels that are no stream
	// labels.
	labels(dst []byte, l batch.Labels) []byte
	attrs(dst []byte, moved []batch.Attr) []byte

	// stream appends a stream with as many of the entries of w that idx names as fit into a request of limit bytes, of
	// which dst is the beginning, and returns their number. Into an empty request at least one does. Room in front of the
	// result may be lost.
	stream(dst []byte, m *mapping, w *draft, idx []int32, limit int) ([]byte, int)

	// end appends what ends a request. stream has left room for it.
	end(dst []byte) []byte

	// room is how much memory a request with nothing but entry i can take.
	room(m *mapping, w *draft, i int32) int

	// compress writes raw, a whole request, into wire.
	compress(wire *buffer, raw []byte)
}

func (c Config) codec() codec {
	if c.EncodeJSON {
		return &jsonCodec{}
	}
	return protobufCodec{}
}
