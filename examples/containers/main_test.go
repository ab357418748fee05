package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// programEnv makes the test binary the program under test.
const programEnv = "LOGFERRY_TEST_CONTAINERS"

func TestMain(m *testing.M) {
	if os.Getenv(programEnv) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}
