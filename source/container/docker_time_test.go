package container

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A wire leads to an engine in memory that answers pings, and all else with
// what a test sets.
type wire struct {
	answer string // to what is no ping; none at all if it is empty
	served sync.WaitGroup
}

func (w *wire) dial(context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	w.served.Go(func() {
		defer there.Close()
		for in := bufio.NewReader(there); ; {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			answer := w.answer
			if r.URL.Path == "/_ping" {
				answer = "HTTP/1.1 200 OK\r\nApi-Version: 1.45\r\nContent-Length: 0\r\n\r\n"
			}
			if _, err := io.WriteString(there, answer); err != nil {
				return
			}
		}
	})
	return here, nil
}

// engine returns an engine at the other end of w, for use in a bubble.
func (w *wire) engine(t *testing.T) *docker {
	t.Helper()
	a, err := parseAddress(&Config{Dial: w.dial})
	if err != nil {
		t.Fatal(err)
	}
	e, err := newDocker(a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e.(*docker)
}

const streaming = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

// Nothing waits for ever for the beginning of an answer, nor a list for its end.
func TestAnswersAreBounded(t *testing.T) {
	type ask func(ctx context.Context, d *docker) error
	list := func(ctx context.Context, d *docker) error { _, err := d.list(ctx); return err }
	inspect := func(ctx context.Context, d *docker) error { _, err := d.inspect(ctx, "abc"); return err }
	follow := func(ctx context.Context, d *docker) error {
		_, err := d.logs(ctx, "abc", logRequest{follow: true})
		return err
	}
	events := func(ctx context.Context, d *docker) error { return d.events(ctx, time.Time{}, func(event) {}) }
	for name, test := range map[string]struct {
		answer string
		ask    ask
	}{
		"list":             {"", list},
		"list, a part":     {streaming + "1\r\n[\r\n", list},
		"inspect":          {"", inspect},
		"inspect, a part":  {streaming + "1\r\n{\r\n", inspect},
		"logs":             {"", follow},
		"events":           {"", events},
		"refusal, no text": {"HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\n", inspect},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{answer: test.answer}
				d := w.engine(t)
				began := time.Now()
				err := test.ask(t.Context(), d)
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != answerTime {
					t.Errorf("%v after %v", err, time.Since(began))
				}
				if err := d.close(t.Context()); err != nil {
					t.Error(err)
				}
				w.served.Wait()
			})
		})
	}
}

// Streams last as long as they like. Idle connections are gone after a while, and
// close needs no time.
func TestConnectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answer: streaming}
		d := w.engine(t)
		time.Sleep(idleTime - time.Millisecond)
		synctest.Wait()
		if n := d.transport.Open(); n != 1 {
			t.Errorf("%d connections while the one of the ping is idle", n)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if n := d.transport.Open(); n != 0 {
			t.Errorf("%d connections when it has been idle for long", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		readers := listen(t, ctx, d, 50)
		time.Sleep(48 * time.Hour)
		synctest.Wait()
		if n := d.transport.Open(); n != 51 {
			t.Errorf("%d connections for 51 streams", n)
		}
		began := time.Now()
		cancel()
		readers.Wait()
		if err := d.close(t.Context()); err != nil || time.Since(began) > 100*time.Millisecond {
			t.Errorf("close: %v after %v", err, time.Since(began))
		}
		w.served.Wait()
	})
}
