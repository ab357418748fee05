package container

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/logferry/logferry/source/record"
)

// podmanLog is what Podman 4.3.1 was seen to send of 3 lines, the longest of
// which its monitor read in 3 parts, within two seconds.
func podmanLog() (body []byte) {
	for _, m := range []struct {
		out  byte
		text string
	}{
		{1, "2026-11-25T19:18:21Z first\n"},
		{1, "2026-11-25T19:18:21Z sec"},
		{1, "2026-11-25T19:18:21Z ond, "},
		{2, "2026-11-25T19:18:22Z an error\n"},
		{1, "2026-11-25T19:18:22Z the rest\n"},
		{1, "2026-11-25T19:18:22Z no newline"},
	} {
		body = append(body, m.out, 0, 0, 0, 0, 0, 0, byte(len(m.text)))
		body = append(body, m.text...)
	}
	return body
}

func TestPodmanPieces(t *testing.T) {
	got := entriesOf(t, podmanLog(), false, true)
	slices.Sort(got) // the outputs have no order between them
	if want := []string{"an error", "first", "no newline", "second, the rest"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPodmanIsRecognised(t *testing.T) {
	for _, podman := range []bool{false, true} {
		s := newServer(t)
		s.inspect = func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"Id":"abc","Name":"/x","State":{"Status":"stopped"},"Config":{},"HostConfig":{}}`)
		}
		ping := s.Config.Handler
		s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if podman {
				w.Header().Set("Libpod-Api-Version", "4.3.1")
			}
			ping.ServeHTTP(w, r)
		})
		d, err := s.pinged(t).inspect(t.Context(), "abc")
		if err != nil || d.podman != podman || d.state != "exited" {
			t.Errorf("podman %v: %+v, %v", podman, d, err)
		}
	}
}

// TestPodmanIsAskedByTime: it leaves lines out when it is asked for the last ones.
func TestPodmanIsAskedByTime(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	f := &follower{sent: position{after: mark{time: at.UnixNano(), out: record.Stdout}}, total: math.MaxInt}
	if r := f.toFollow(); r.tail == 0 || !r.since.IsZero() {
		t.Errorf("an engine of Docker's is asked for %+v", r)
	}
	f.podman = true
	if r := f.toFollow(); r.tail != 0 || r.since.IsZero() || !r.since.Before(at) || !r.follow {
		t.Errorf("Podman is asked for %+v", r)
	}
}
