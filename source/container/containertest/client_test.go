package containertest_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"github.com/logferry/logferry/source/container/containertest"
)

// both runs a test with an engine of either generation, in a bubble of its own.
func both(t *testing.T, c containertest.Config, test func(*testing.T, *containertest.Engine)) {
	for _, gen := range []containertest.Generation{containertest.Gen20, containertest.Gen26} {
		t.Run(gen.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.Generation = gen
				e := containertest.New(c)
				defer e.Close()
				test(t, e)
			})
		})
	}
}

// dialer returns a transport to the engine, which the test closes in the end.
func dialer(t *testing.T, e *containertest.Engine) *http.Transport {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return e.Dial(ctx) },
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// connect returns a client of the engine, which the test closes in the end.
func connect(t *testing.T, e *containertest.Engine) *client.Client {
	t.Helper()
	transport := dialer(t, e)
	c, err := client.NewClientWithOpts(client.WithHost("http://engine"),
		client.WithHTTPClient(&http.Client{Transport: transport}), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// must fails the test if what has to work does not.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// logs returns what the engine answers a request for logs with.
func logs(t *testing.T, c *client.Client, id string, o container.LogsOptions) string {
	t.Helper()
	body, err := c.ContainerLogs(t.Context(), id, o)
	must(t, err)
	defer body.Close()
	b, err := io.ReadAll(body)
	must(t, err)
	return string(b)
}

func TestNegotiation(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		v, err := c.ServerVersion(t.Context())
		must(t, err)
		if c.ClientVersion() != v.APIVersion || e.Stats().Requests[containertest.Ping] != 1 {
			t.Errorf("the client speaks %s, the engine %s, after %d pings", c.ClientVersion(), v.APIVersion,
				e.Stats().Requests[containertest.Ping])
		}
	})
}
