package main

import (
	"time"

	"github.com/go-kit/kit/log"
	"github.com/grafana/loki-client-go/loki"
	"github.com/nxadm/tail"
	"github.com/prometheus/common/model"
)

// startArchived follows with nxadm/tail and pushes with loki-client-go, as services do.
func startArchived(o order) (func(time.Duration), error) {
	cfg, err := loki.NewDefaultConfig(o.URL)
	if err != nil {
		return nil, err
	}
	client, err := loki.NewWithLogger(cfg, log.NewNopLogger())
	if err != nil {
		return nil, err
	}
	var tails []*tail.Tail
	for _, path := range o.Paths {
		t, err := tail.TailFile(path, tail.Config{Follow: true, ReOpen: true, Logger: tail.DiscardingLogger})
		if err != nil {
			return nil, err
		}
		tails = append(tails, t)
		go func() {
			labels := model.LabelSet{"filename": model.LabelValue(path)}
			for line := range t.Lines {
				_ = client.Handle(labels, line.Time, line.Text) // it is always nil
			}
		}()
	}
	return func(time.Duration) {
		for _, t := range tails {
			_ = t.Stop() // what it returns is why it ended, which it was told to
		}
		client.Stop()
	}, nil
}
