package torture

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(jobEnv) != "" {
		os.Exit(beChild())
	}
	goleak.VerifyTestMain(m)
}
