//go:build linux

package nxtail_test

import (
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/source/nxtail"
)

func TestConfig(t *testing.T) {
	if _, err := nxtail.New(nxtail.Config{Paths: []string{"a.log", "b.log"}}); err != nil {
		t.Errorf("zero values: %v", err)
	}
	_, err := nxtail.New(nxtail.Config{Paths: []string{"a.log", "./a.log", ""}, MaxLine: -1, From: 2, RotateWait: time.Millisecond})
	for _, want := range []string{`Paths: "./a.log"`, `Paths: ""`, "MaxLine: -1", "From: 2", "RotateWait: 1ms"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not tell of %s: %v", want, err)
		}
	}
	if _, err := nxtail.New(nxtail.Config{}); err == nil || !strings.Contains(err.Error(), "Paths: none") {
		t.Errorf("no path: %v", err)
	}
}
