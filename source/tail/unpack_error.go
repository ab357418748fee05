package tail

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Why a file cannot be unpacked, or not further. What lies before that place
// can be read all the same.
var (
	// errNotPacked: it does not begin like a file of its kind.
	errNotPacked = errors.New("not what its name says")
	// errCutOff: it ends too early. It may still be written: release, and try
	// again when it has grown. Wraps io.ErrUnexpectedEOF.
	errCutOff = errors.New("cut off, or still being written")
	// errDamaged: a header, the data or a checksum is wrong, or something else
	// stands behind the end.
	errDamaged = errors.New("damaged")
	// errUnfit: it needs more than it is given: memory, or a dictionary.
	errUnfit = errors.New("cannot be unpacked here")
	// errBomb: it unpacks to more than is allowed.
	errBomb = errors.New("unpacks to too much")
)

// What stands in an unpackError as its cause.
var (
	errTrailing = errors.New("something else follows its end")
	errRatio    = fmt.Errorf("more than %d times its size", maxRatio)
	errWindow   = fmt.Errorf("it is damaged, or needs a window of more than %d MiB", maxFrameWindow>>20)
)

// An unpackError is final: reading again does not help, unless the file has
// changed.
type unpackError struct {
	kind  packing
	at    int64 // how many bytes were unpacked before
	why   error // one of those above
	cause error // may be nil
}

func (e *unpackError) Error() string {
	s := fmt.Sprintf("%v: %v, after %d bytes", e.kind, e.why, e.at)
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

func (e *unpackError) Unwrap() []error {
	if e.cause == nil {
		return []error{e.why}
	}
	return []error{e.why, e.cause}
}

// unpackErr says what err, of a decoder of kind k, means.
func unpackErr(k packing, at int64, err error) error {
	e := &unpackError{kind: k, at: at, why: errDamaged, cause: err}
	switch {
	case errors.Is(err, errNotPacked):
		e.why, e.cause = errNotPacked, nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.why = errCutOff
	case errors.Is(err, zstd.ErrUnknownDictionary):
		e.why = errUnfit
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		e.why, e.cause = errUnfit, errWindow
	case errors.Is(err, zstd.ErrMagicMismatch): // that of the first frame was checked
		e.cause = errTrailing
	}
	return e
}

// spoils reports whether err will stay as long as the file does not change.
func spoils(err error) bool {
	_, ok := errors.AsType[*unpackError](err)
	return ok
}
