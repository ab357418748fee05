package lokiclient

import (
	"testing"

	"go.uber.org/goleak"
)

// The connections that the client leaves open end with the servers of the tests; TestLeavesConnection looks at them.
func TestMain(m *testing.M) {
	// The runtime's own: package unique forgets label sets in it.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.runCleanups"))
}
