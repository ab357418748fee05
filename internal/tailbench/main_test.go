//go:build linux

package tailbench

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// subjectVar tells a process made of this binary that it is a subject, and finds on its standard input what it is to do.
const subjectVar = "TAILBENCH_SUBJECT"

func TestMain(m *testing.M) {
	if os.Getenv(subjectVar) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	if err := obey(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
