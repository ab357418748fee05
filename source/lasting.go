package source

import (
	"context"
	"time"
)

// LastWait is how long a Send with a context from [Outlet.Lasting] goes on
// waiting after the source was told to stop.
const LastWait = 2 * time.Second

// Lasting is for a source that cannot read again what it has taken, such as
// standard input or the records of a logger. It returns a context to Open and
// Send with that outlasts ctx, which is that of the Run under way, by [LastWait]:
// what had been taken when the source was told to stop is still handed over. A
// pipeline that is being closed, or removes the source, lets such a Send in at
// once; the bound is for whoever does not. The source calls stop when it sends
// nothing more, before its Run returns.
func (o *Outlet) Lasting(ctx context.Context) (lasting context.Context, stop context.CancelFunc) {
	lasting, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	guard := o.Go("lasting", func(context.Context) error {
		select {
		case <-ctx.Done():
		case <-lasting.Done():
			return nil
		}
		t := time.NewTimer(LastWait)
		defer t.Stop()
		select {
		case <-t.C:
			cancel(context.Cause(ctx))
		case <-lasting.Done():
		}
		return nil
	})
	if guard.Err() != nil { // refused: everything is being closed
		return context.WithTimeout(lasting, LastWait)
	}
	return lasting, func() { cancel(nil) }
}
