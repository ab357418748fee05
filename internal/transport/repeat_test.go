package transport

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// If net/http begins a request anew, it is the body of then that has to be through.
func TestRepeatedBodyCounts(t *testing.T) {
	req, err := http.NewRequest(http.MethodPost, "http://x", strings.NewReader("twelve bytes"))
	if err != nil {
		t.Fatal(err)
	}
	var a asking
	req = a.watch(req)
	done := &http.Response{StatusCode: http.StatusNoContent, ProtoMajor: 1, Body: http.NoBody}
	early := func(want bool) {
		t.Helper()
		if a.tooEarly(done) != want {
			t.Errorf("too early: %v, want %v", !want, want)
		}
	}
	io.ReadFull(req.Body, make([]byte, 5))
	early(true)
	again, err := req.GetBody()
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, req.Body)
	early(true) // the one of before is of no account
	io.Copy(io.Discard, again)
	early(false)
}
