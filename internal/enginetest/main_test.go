package enginetest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/logferry/logferry/internal/enginetest"
)

var engines enginetest.Fleet

func TestMain(m *testing.M) { goleak.VerifyTestMain(engines.Around(m)) }
