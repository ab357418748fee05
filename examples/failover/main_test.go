package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain lets the test binary be the service of its own test.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-loki" {
		os.Args[0] = "failover"
		flag.CommandLine = flag.NewFlagSet("failover", flag.ExitOnError)
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// TestPlay is the whole play: nothing that was safe may be lost.
func TestPlay(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no interrupts on this system")
	}
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := play(ctx, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"kill -9 of the service", ": 0 lost of the "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("nothing like %q in\n%s", want, &out)
		}
	}
}
