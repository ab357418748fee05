package containertest_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/logferry/logferry/internal/enginetest"
	"github.com/logferry/logferry/source/container/containertest"
)

// What is asked of the log of a container is answered as a real engine answers it,
// byte for byte, but for the times themselves.
func TestLikeRealEngines(t *testing.T) {
	long := []int{100, 16383, 16384, 16385, 32768, 40000, 60}
	tests := []struct {
		name string
		spec containertest.Spec
		enginetest.Script
	}{
		{"lines", containertest.Spec{}, enginetest.Script{Lines: 20, Odd: 3, Unended: true}},
		{"long lines", containertest.Spec{}, enginetest.Script{Lines: 14, Sizes: long, Odd: 2}},
		{"long last line", containertest.Spec{}, enginetest.Script{Lines: 5, Sizes: long, Unended: true}},
		{"terminal", containertest.Spec{Tty: true}, enginetest.Script{Lines: 14, Sizes: long, Odd: 2}},
		{"rotation", containertest.Spec{MaxSize: 10000, MaxFiles: 3}, enginetest.Script{Lines: 200, Sizes: []int{900}}},
		{"one file", containertest.Spec{MaxSize: 10000, MaxFiles: 1}, enginetest.Script{Lines: 55, Sizes: []int{900}}},
	}
	for _, version := range enginetest.Need(t) {
		t.Run(version, func(t *testing.T) {
			real := enginetest.Start(t, version)
			fake := containertest.New(containertest.Config{Generation: generation(version)})
			defer fake.Close()
			for _, test := range tests {
				for _, driver := range []string{"json-file", "local"} {
					test.spec.Driver = driver
					if driver == "local" && test.spec.MaxFiles == 1 {
						continue // which it refuses: it compresses
					}
					likeReal(t, test.name+", "+driver, real, fake, test.spec, test.Script)
				}
			}
		})
	}
}

// generation is the one that an engine belongs to.
func generation(version string) containertest.Generation {
	if strings.HasPrefix(version, "20.") {
		return containertest.Gen20
	}
	return containertest.Gen26
}

// likeReal lets a container of each engine write the same, and compares their logs.
func likeReal(t *testing.T, name string, real *enginetest.Engine, fake *containertest.Engine, spec containertest.Spec, s enginetest.Script) {
	options := map[string]string{}
	if spec.MaxSize > 0 {
		options["max-size"], options["max-file"] = fmt.Sprint(spec.MaxSize), fmt.Sprint(spec.MaxFiles)
	}
	theirs := real.Run(t, enginetest.Spec{Driver: spec.Driver, Tty: spec.Tty, Options: options, Script: s})
	theirs.Wait(t)
	socket := strings.TrimPrefix(real.Host(), "unix://")
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	// Each line begins with the name of the run.
	run := regexp.MustCompile(theirs.ID[:12] + "-[0-9a-z]+").FindString(string(theirs.Logs(t)))
	ours := fake.Create(spec)
	must(t, ours.Start())
	must(t, s.Play(run, outlet{ours, containertest.Stdout}, outlet{ours, containertest.Stderr}))
	must(t, ours.Exit(0))

	for _, query := range []string{"timestamps=1", "timestamps=0", "timestamps=1&tail=3", "tail=1000", "tail=0", "follow=1&timestamps=1&tail=9"} {
		query = "/logs?stdout=1&stderr=1&" + query
		want := fetch(t, &http.Transport{DialContext: dial}, "/containers/"+theirs.ID+query)
		got := fetch(t, dialer(t, fake), "/containers/"+ours.ID()+query)
		if got != want {
			at := 0
			for at < min(len(got), len(want)) && got[at] == want[at] {
				at++
			}
			t.Errorf("%s, %s: %d bytes, the real one's are %d; from byte %d on %.100q, the real one's %.100q", name, query,
				len(got), len(want), at, got[at:], want[at:])
		}
	}
}

// fetch returns the type and the body of an answer, with all times the same.
func fetch(t *testing.T, transport *http.Transport, path string) string {
	defer transport.CloseIdleConnections()
	r, err := (&http.Client{Transport: transport}).Get("http://engine" + path)
	must(t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	must(t, err)
	times := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}`)
	return r.Header.Get("Content-Type") + " " + times.ReplaceAllString(string(b), "time")
}

// An outlet writes as the program of a container.
type outlet struct {
	box *containertest.Container
	out containertest.Output
}

func (o outlet) Write(p []byte) (int, error) { return len(p), o.box.Write(o.out, p) }
