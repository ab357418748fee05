package spool

import "math"

// smallShare is the part of a segment's size that is reserved at first, and from which on a segment is followed by
// another once all of it is delivered: a queue that is emptied all the while takes no more.
const smallShare = 16

// reserve sees to it that the next bytes have their space. It asks for one piece, and then for the rest of the segment:
// a file that finds its blocks one write at a time has them in many places, and every sync has more to make known of
// where.
func (l *Log) reserve(next int64) {
	size := l.file.size // this goroutine alone changes it
	if size+next <= l.reserved {
		return
	}
	end := l.cfg.SegmentBytes / smallShare
	if size+next > end {
		end = l.cfg.SegmentBytes
	}
	l.mu.Lock()
	end = min(end, size+l.cfg.MaxBytes-l.used())
	l.mu.Unlock()
	if size+next > end { // the last of the segment
		return
	}
	from := max(size, l.reserved)
	l.reserved = end
	if l.active.Reserve(from, end) != nil {
		_ = l.release()            // a disk that is nearly full may have given a part, which others need more
		l.reserved = math.MaxInt64 // not again
	}
}

// release cuts the segment where its records end, and gives back the space behind them.
func (l *Log) release() error {
	l.reserved = 0
	return l.active.Truncate(l.file.size)
}

const (
	leastAlign = 4 << 10  // a block, mostly
	mostAlign  = 64 << 10 // more brings no more
)

// room returns how much is left free behind a group of that size, so that the next one begins at a multiple of a power
// of two, which is a sixteenth of the size at most. A write that begins within a block, or in between what the kernel
// can keep as one piece, takes longer; and no later write touches the block in which a group of some size ends.
func (l *Log) room(size int64) int64 {
	align := int64(mostAlign)
	for align > size/16 {
		align /= 2
	}
	if align < leastAlign {
		return 0
	}
	room := -(l.file.size + size) & (align - 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.used()+size+room > l.cfg.MaxBytes {
		return 0
	}
	return room
}
