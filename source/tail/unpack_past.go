package tail

// leastRing is what is kept of a file of which only the beginning is looked at.
const leastRing = 4 << 10

// A past is what an unpacker keeps of what it has unpacked, to read it again:
// the first printMax bytes, the last window bytes, and as many from a place that
// was asked for.
type past struct {
	window int
	end    int64  // offset behind the last byte
	head   []byte // the first printMax bytes
	ring   []byte // what lies before end, the byte at offset i being ring[i%len(ring)]
	low    int64  // what lies before it is not in ring
	hold   int64  // what follows it is kept; none if negative
	aside  []byte // an earlier ring, which is full
	asides int64  // offset of the first byte there
}

func newPast(window int) past {
	return past{window: max(window, leastRing), hold: -1}
}

// copy copies what is kept of offset at and behind, or a part of it. It returns
// zero if at is not kept.
func (k *past) copy(p []byte, at int64) int {
	switch size := int64(len(k.ring)); {
	case at < int64(len(k.head)):
		return copy(p, k.head[at:])
	case at < k.end && at >= max(k.low, k.end-size):
		n := min(int64(len(p)), k.end-at)
		return copy(p[:n], k.ring[at%size:])
	case at >= k.asides && at < k.asides+int64(len(k.aside)):
		n := min(int64(len(p)), k.asides+int64(len(k.aside))-at)
		return copy(p[:n], k.aside[at%int64(len(k.aside)):])
	}
	return 0
}

// space is where the next bytes go, at most want. The ring grows as long as it
// holds all there was.
func (k *past) space(want int64) []byte {
	if size := len(k.ring); k.end == int64(size) && size < k.window {
		grown := make([]byte, min(max(2*size, leastRing), k.window))
		copy(grown, k.ring)
		k.ring = grown
	}
	size := int64(len(k.ring))
	if full := k.hold + size; size == int64(k.window) && k.hold >= k.low && k.end <= full {
		if k.end == full {
			k.putAside()
		} else {
			want = min(want, full-k.end)
		}
	}
	i := k.end % size
	return k.ring[i:min(size, i+want)]
}

// put notes that b, the beginning of what space returned, was filled.
func (k *past) put(b []byte) {
	if missing := printMax - len(k.head); missing > 0 && k.end == int64(len(k.head)) {
		k.head = append(k.head, b[:min(len(b), missing)]...)
	}
	k.end += int64(len(b))
}

// putAside takes away the ring, which holds what is to be kept and nothing else.
func (k *past) putAside() {
	if k.aside == nil {
		k.aside = make([]byte, k.window)
	}
	k.ring, k.aside = k.aside, k.ring
	k.asides, k.low = k.hold, k.end
}

// rewind begins at offset zero again. What stands elsewhere than in the ring
// stays.
func (k *past) rewind() { k.end, k.low = 0, 0 }
