//go:build linux

package tailbench

import (
	"context"
	"errors"

	"github.com/logferry/logferry/source/nxtail"
)

// bridge is the source of this library that reads with nxadm/tail.
type bridge struct{}

func (bridge) follow(o order, line func([]byte)) error {
	src, err := nxtail.New(nxtail.Config{Paths: o.Paths})
	if err != nil {
		return err
	}
	out, _, err := outlet(line)
	if err != nil {
		return err
	}
	go out.Run(context.Background(), src) // ends with the process
	return nil
}

func (bridge) read(o order, line func([]byte)) error {
	src, err := nxtail.New(nxtail.Config{Paths: o.Paths[:1]})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	left := o.Lines
	out, sup, err := outlet(func(text []byte) {
		line(text)
		if left--; left == 0 {
			cancel()
		}
	})
	if err != nil {
		return err
	}
	return errors.Join(out.Run(ctx, src), sup.Close(context.Background()))
}
