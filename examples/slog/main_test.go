package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestService runs the service as main does: what it logs is on the terminal and
// with its Loki, with the trace.
func TestService(t *testing.T) {
	var out bytes.Buffer
	if err := run(context.Background(), &out, "", 4); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		`level=INFO msg=shipped order.id=1003 order.customer.country=DE`,
		"6 of the service's records were taken",
		"has 6 lines of map[app:shop]",
		`"payment failed" {"order_id":"1003","order_error":"card declined","trace_id":"4bf92f3577b34da9","level":"ERROR"}`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}

// TestInterrupted: what was logged until then is delivered.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var out bytes.Buffer
	first := writerFunc(func(p []byte) (int, error) {
		cancel()
		return out.Write(p)
	})
	if err := run(ctx, first, "", 100); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if !strings.Contains(out.String(), "has 2 lines of") {
		t.Errorf("got\n%s", &out)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
