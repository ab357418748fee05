package main

import (
	"context"
	"errors"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink/lokiclient"
)

// pushBridge pushes es with sink/lokiclient, in one Write.
func pushBridge(cfg config, es []entry) error {
	theirs, err := archivedConfig(cfg)
	if err != nil {
		return err
	}
	s, err := lokiclient.New(lokiclient.Config{Client: theirs})
	if err != nil {
		return err
	}
	b, err := batchOf(es)
	if err != nil {
		return err
	}
	ctx := context.Background()
	sup := lifecycle.New(lifecycle.Config{Name: "oracle"})
	err = s.Start(ctx, sup)
	if err == nil {
		err = s.Write(ctx, b)
	}
	b.Settle(err)
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	return errors.Join(err, s.Close(ctx), sup.Close(ctx))
}
