package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(subjectVar) != "" {
		os.Exit(subject())
	}
	goleak.VerifyTestMain(m)
}
