//go:build !linux

package nxtail_test

import (
	"errors"
	"testing"

	"github.com/logferry/logferry/source/nxtail"
)

func TestUnsupported(t *testing.T) {
	if _, err := nxtail.New(nxtail.Config{Paths: []string{"a.log"}}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v, want ErrUnsupported", err)
	}
}
