package pipeline

import (
	"errors"
	"runtime/debug"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// guard calls a plug-in and turns a panic into an error.
func guard(what string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &lifecycle.PanicError{Task: what, Value: v, Stack: debug.Stack()}
		}
	}()
	return f()
}

// sound returns err, or else the panic of one of its methods, as those of a nil
// pointer do: better here, where it is expected, than with whoever asks next.
func sound(err error) error {
	broken := guard("an error's method", func() error {
		_ = err.Error()
		errors.Is(err, errSound)
		if p, ok := errors.AsType[*sink.PartialError](err); ok && p != nil {
			for _, f := range p.Failures {
				if f.Err != nil {
					_ = f.Err.Error()
					errors.Is(f.Err, errSound)
				}
			}
		}
		return nil
	})
	if broken != nil {
		return broken
	}
	return err
}

var errSound = errors.New("pipeline: no error is this one")
