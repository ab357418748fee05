package container

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

// What engines and others say, and what it means.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name   string
		status int
		text   string
		want   error // nil: none of the kinds
	}{
		{"docker, no container", 404, `{"message":"No such container: abc"}`, errGone},
		{"podman, no container", 404, `{"cause":"no such container","message":"no container with name or ID \"abc\" found: no such container","response":404}`, errGone},
		{"a path that is not there", 404, `{"message":"page not found"}`, nil},
		{"a proxy", 404, `<html>Not found</html>`, nil},
		{"no container by another status", 500, `{"message":"No such container: abc"}`, nil},
		{"docker, none", 501, `{"message":"configured logging driver does not support reading"}`, errUnreadable},
		{"docker, by another status", 500, `{"message":"configured logging driver does not support reading"}`, errUnreadable},
		{"docker, by another text", 501, `{"message":"so what"}`, errUnreadable},
		{"podman, none", 500, `{"message":"failed to obtain logs for Container 'x': this container is using the 'none' log driver, cannot read logs: this container is not logging output"}`, errUnreadable},
		{"being removed", 409, `{"message":"can not get logs from container which is dead or marked for removal"}`, nil},
		{"overload", 503, `{"message":"later"}`, nil},
		{"broken JSON", 500, `{"mess`, nil},
		{"nothing", 500, ``, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.logs = func(w http.ResponseWriter, _ *http.Request) {
				if strings.HasPrefix(test.text, "{") {
					w.Header().Set("Content-Type", "application/json")
				}
				w.WriteHeader(test.status)
				w.Write([]byte(test.text))
			}
			s.inspect = s.logs
			d := s.pinged(t)
			_, err := d.logs(t.Context(), strings.Repeat("abc1", 16), logRequest{})
			if err == nil || errors.Is(err, errGone) != (test.want == errGone) || errors.Is(err, errUnreadable) != (test.want == errUnreadable) {
				t.Errorf("logs: %v", err)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "container: log of abc1abc1abc1: ") {
				t.Errorf("logs: %v", err)
			}
			if _, err := d.inspect(t.Context(), "abc"); err == nil || errors.Is(err, errGone) != (test.want == errGone) {
				t.Errorf("inspect: %v", err)
			}
		})
	}
}

// Of a megabyte of explanation, one short line is kept, and none of the connection.
func TestHugeRefusals(t *testing.T) {
	for name, size := range map[string]int{"as large as is read": 1 << 19, "larger": 4 << 20} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.logs = func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
				w.Write([]byte(strings.Repeat("\u00e4\x00\n", size/4)))
			}
			d := s.pinged(t)
			_, err := d.logs(t.Context(), "abc", logRequest{follow: true})
			if err == nil || len(err.Error()) > maxReason+64 || strings.ContainsAny(err.Error(), "\n\x00") {
				t.Errorf("got %v", err)
			}
			if err := d.close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func FuzzBrief(f *testing.F) {
	f.Add("")
	f.Add("Error response from daemon: No such container: x")
	f.Add("a\x00b\r\n\tc\xff" + strings.Repeat("\U0001F433", 100))
	f.Fuzz(func(t *testing.T, text string) {
		got := brief(text)
		if len(got) > maxReason+len(" …") || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\x1b") {
			t.Errorf("%q becomes %q", text, got)
		}
	})
}
