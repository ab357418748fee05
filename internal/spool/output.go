package spool

const (
	// apartBytes is from where on a frame is written from where it lies. What is smaller is gathered: a copy costs less
	// than a call.
	apartBytes = 32 << 10
	// gatherBytes is how much is gathered for one call.
	gatherBytes = 128 << 10
)

// An output writes one group, frame behind frame, until a write fails.
type output struct {
	file File
	off  int64  // where buf goes
	buf  []byte // gathered
	err  error
}

func (o *output) add(frame []byte) {
	if len(frame) < apartBytes {
		if len(o.buf)+len(frame) > gatherBytes {
			o.flush()
		}
		o.buf = append(o.buf, frame...)
		return
	}
	o.flush()
	o.write(frame)
}

// flush writes what is gathered.
func (o *output) flush() {
	o.write(o.buf)
	o.buf = o.buf[:0]
}

func (o *output) write(b []byte) {
	if o.err != nil || len(b) == 0 {
		return
	}
	_, o.err = o.file.WriteAt(b, o.off)
	o.off += int64(len(b))
}
