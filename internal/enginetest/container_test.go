package enginetest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/internal/enginetest"
)

// get decodes what an engine answers at a path.
func get(t *testing.T, e *enginetest.Engine, path string, into any) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", strings.TrimPrefix(e.Host(), "unix://"))
		}}}
	resp, err := client.Get("http://engine" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

func serverVersion(t *testing.T, e *enginetest.Engine) string {
	t.Helper()
	var v struct{ Version string }
	get(t, e, "/version", &v)
	return v.Version
}

// Every kind of line, by each way there is to store it, is what the container was told to write.
func TestContainersWriteWhatTheyAreTold(t *testing.T) {
	s := enginetest.Script{
		Lines: 400, Stderr: 5, Odd: 7, Unended: true, Exit: 3,
		Sizes: []int{100, 200, 16383, 100, 16384, 16385, 32768, 40_000, 50, 32767, 49_152},
	}
	for _, driver := range []string{"", "json-file", "local"} {
		for _, tty := range []bool{false, true} {
			name := fmt.Sprintf("driver=%s/tty=%v", driver, tty)
			t.Run(name, func(t *testing.T) {
				onEach(t, func(t *testing.T, e *enginetest.Engine) {
					s := s
					if tty && driver == "local" && e.Version() == "20.10" {
						s.Sizes = nil // see Retained
					}
					c := e.Run(t, enginetest.Spec{Script: s, Driver: driver, Tty: tty})
					if exit := c.Wait(t); exit != 3 {
						t.Errorf("exit code %d, want 3", exit)
					}
					var l enginetest.Ledger
					for _, line := range c.Retained(t) {
						l.Take(c.ID, line.Output, tty, line.Text)
					}
					l.Expect(c.ID, s)
					if err := l.Verdict().Err(); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

// A log that is rotated holds the last lines.
func TestDriversAreGivenTheirOptions(t *testing.T) {
	onEach(t, func(t *testing.T, e *enginetest.Engine) {
		c := e.Run(t, enginetest.Spec{
			Driver: "json-file", Options: map[string]string{"max-size": "10k", "max-file": "3"}, Script: enginetest.Script{Lines: 1000},
		})
		c.Wait(t)
		var l enginetest.Ledger
		lines := c.Retained(t)
		for _, line := range lines {
			l.Take(c.ID, line.Output, false, line.Text)
		}
		l.Expect(c.ID, enginetest.Script{Lines: 1000})
		v := l.Verdict()
		if v.Lost != v.Skipped || v.Lost == 0 || v.Lost > 950 || v.Lost+v.Lines != 1000 || v.Twice+v.Disorder+v.Strange > 0 {
			t.Errorf("%d lines, the last of 1000 to be there: %v", len(lines), v.Err())
		}
	})
}

func TestContainersAreWhatTheySayTheyAre(t *testing.T) {
	onEach(t, func(t *testing.T, e *enginetest.Engine) {
		c := e.Create(t, enginetest.Spec{
			Name: "shop-" + strings.ReplaceAll(e.Version(), ".", "-"), Image: "example.org:5000/shop/web:1.2",
			Labels: map[string]string{"com.example.team": "shop"}, Driver: "local", Options: map[string]string{"max-file": "2"}, Tty: true,
		})
		var got struct {
			Name   string
			Config struct {
				Image  string
				Labels map[string]string
				Tty    bool
			}
			HostConfig struct {
				NetworkMode string
				LogConfig   struct {
					Type   string
					Config map[string]string
				}
			}
		}
		get(t, e, "/containers/"+c.ID+"/json", &got)
		want := strings.NewReplacer("VERSION", strings.ReplaceAll(e.Version(), ".", "-")).Replace(
			"{/shop-VERSION {example.org:5000/shop/web:1.2 map[com.example.team:shop] true} {none {local map[max-file:2]}}}")
		if fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		}
		c.Rename(t, "shop-renamed")
		if get(t, e, "/containers/"+c.ID+"/json", &got); got.Name != "/shop-renamed" {
			t.Errorf("renamed to %s", got.Name)
		}
	})
}

func TestLifeOfAContainer(t *testing.T) {
	onEach(t, func(t *testing.T, e *enginetest.Engine) {
		c := e.Create(t, enginetest.Spec{Script: enginetest.Script{Lines: 1, Live: -1}})
		is := func(want string) {
			t.Helper()
			if got := c.Status(t); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		is("created")
		c.Start(t)
		c.Start(t)
		is("running")
		c.Pause(t)
		is("paused")
		c.Unpause(t)
		is("running")
		c.Restart(t, time.Minute)
		is("running")
		await(t, "second line", func() bool { return len(c.Retained(t)) == 2 })
		c.Stop(t, time.Minute)
		c.Stop(t, time.Minute)
		if exit := c.Wait(t); exit != 2 {
			t.Errorf("exit code %d after SIGTERM, want what the program ends with", exit)
		}
		is("exited")
		c.Start(t)
		c.Kill(t)
		if exit := c.Wait(t); exit != 137 {
			t.Errorf("exit code %d after SIGKILL", exit)
		}
		is("exited")
		var l enginetest.Ledger
		runs := map[string]bool{}
		for _, line := range c.Retained(t) {
			l.Take(c.ID, line.Output, false, line.Text)
			runs[strings.Fields(string(line.Text))[0]] = true
		}
		if v := l.Verdict(); v.Err() != nil || len(runs) < 2 {
			t.Errorf("%d runs: %v", len(runs), v.Err())
		}
		c.Remove(t)
		c.Remove(t)
	})
}

// A test leaves no container to the next.
func TestContainersGoWithTheirTest(t *testing.T) {
	onEach(t, func(t *testing.T, e *enginetest.Engine) {
		t.Run("that makes some", func(t *testing.T) {
			e.Create(t, enginetest.Spec{})
			e.Run(t, enginetest.Spec{Script: enginetest.Script{Live: -1}})
			e.Run(t, enginetest.Spec{Script: enginetest.Script{Live: -1}}).Pause(t)
			e.Run(t, enginetest.Spec{}).Remove(t)
		})
		var left []any
		if get(t, e, "/containers/json?all=1", &left); len(left) > 0 {
			t.Errorf("there are %v", left)
		}
	})
}
