package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the test binary be the server of its own tests.
func TestMain(m *testing.M) {
	if os.Getenv(serverEnv) != "" {
		serveLoki()
		return
	}
	goleak.VerifyTestMain(m)
}
