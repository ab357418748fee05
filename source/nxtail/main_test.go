package nxtail

import (
	"flag"
	"testing"
	"time"

	"github.com/nxadm/tail/watch"
	"go.uber.org/goleak"
)

// The tests wait more than they work: for polls, which are more frequent here than
// usual, and several at a time.
func TestMain(m *testing.M) {
	watch.POLL_DURATION = 100 * time.Millisecond
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
