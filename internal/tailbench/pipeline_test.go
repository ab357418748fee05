//go:build linux

package tailbench

import (
	"bytes"
	"context"
	"errors"
	"os"
	"time"

	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/tail"
)

// whole is the source of this library with all that a service runs behind it: a pipeline that prints lines, on
// /dev/null.
type whole struct{}

func (whole) follow(o order, line func([]byte)) error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	src, err := tail.New(tail.Config{Paths: []string{o.Pattern}})
	if err != nil {
		return err
	}
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"files": src},
		Routes:  []pipeline.Route{{Sink: sink.Terminal(&counting{null, line})}},
	})
	if err != nil {
		return err
	}
	if err := p.Start(context.Background()); err != nil { // ends with the process
		return err
	}
	for !allIdle(src.Stats(), len(o.Paths)) {
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

func (whole) read(order, func([]byte)) error { return errors.ErrUnsupported }

// A counting writer tells of each line it passes on.
type counting struct {
	to   *os.File
	line func([]byte)
}

func (c *counting) Write(p []byte) (int, error) {
	for range bytes.Count(p, []byte{'\n'}) {
		c.line(nil)
	}
	return c.to.Write(p)
}
