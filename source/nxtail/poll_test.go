//go:build linux

package nxtail

import (
	"strings"
	"testing"
	"time"
)

// The host may have set another poll interval. It has to be one, and four of them
// are the least that a file waits.
func TestPollInterval(t *testing.T) {
	for _, test := range []struct {
		poll, wait time.Duration
		want       string
	}{
		{0, 0, "watch.POLL_DURATION: 0s"},
		{10 * time.Second, 0, ""},
		{10 * time.Second, 39 * time.Second, "RotateWait: 39s is less than 40s"},
		{10 * time.Millisecond, 40 * time.Millisecond, ""},
	} {
		_, err := prepare(Config{Paths: []string{"a.log"}, RotateWait: test.wait}, test.poll)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%v and %v: got %v, want %q", test.poll, test.wait, err, test.want)
		}
	}
}
