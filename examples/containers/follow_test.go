package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/logferry/logferry/source/container/containertest"
)

func TestNoEngine(t *testing.T) {
	p := launch(t, nil, nil, "-host", "unix://"+filepath.Join(t.TempDir(), "none.sock"))
	out, _ := io.ReadAll(p.lines)
	p.cmd.Wait()
	if code := p.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if said := p.stderr.String(); len(out) > 0 || strings.Count(said, "\n") != 1 ||
		!strings.HasPrefix(said, "containers: no container engine: ") || !strings.Contains(said, "none.sock") {
		t.Errorf("printed %q, said %q", out, said)
	}
}

func TestFollowsAllContainers(t *testing.T) {
	e, host := serve(t)
	web, db := start(t, e, containertest.Spec{Name: "web"}), start(t, e, containertest.Spec{Name: "db"})
	say(t, web, "one")
	p := launch(t, nil, []string{"DOCKER_HOST=" + host})
	p.expect("web | one")
	say(t, web, "two", "three \x1b[31mred\x1b[0m")
	p.expect("web | two", "web | three \x1b[31mred\x1b[0m")
	db.Write(containertest.Stderr, []byte("four\n"))
	p.expect("db  | four")
	say(t, start(t, e, containertest.Spec{Name: "newcomer"}), "five")
	p.expect("newcomer | five")
	say(t, db, "six")
	p.expect("db       | six")
	p.interrupt()
}

func TestFlags(t *testing.T) {
	e, host := serve(t)
	e.StepClock(-time.Hour) // they are old: what happened just now comes as news
	for _, name := range []string{"web", "db"} {
		say(t, start(t, e, containertest.Spec{Name: name}), "before")
	}
	e.StepClock(time.Hour)
	// When a log is asked for, the program has seen which containers there are.
	looked := make(chan bool, 100)
	e.Inject(containertest.Fault{On: containertest.Logs, Count: -1, If: func(r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/logs") {
			looked <- true
		}
		return false
	}})
	p := launch(t, nil, []string{"DOCKER_HOST=unix:///nowhere"}, "-host", host, "-name", "^w", "-from", "end")
	<-looked
	say(t, start(t, e, containertest.Spec{Name: "db-2"}), "not asked for")
	say(t, start(t, e, containertest.Spec{Name: "worker"}), "new")
	p.expect("worker | new")
	p.interrupt()
}

func TestGoesOnWhereItStopped(t *testing.T) {
	e, host := serve(t)
	web := start(t, e, containertest.Spec{Name: "web"})
	state := filepath.Join(t.TempDir(), "cursors")
	for _, lines := range [][]string{{"one", "two"}, {"three"}, {"four", "five"}} {
		say(t, web, lines...)
		p := launch(t, nil, nil, "-host", host, "-state", state)
		for _, l := range lines {
			p.expect("web | " + l)
		}
		p.interrupt()
	}
}

func TestPushesToLoki(t *testing.T) {
	pushed := make(chan string, 100)
	loki := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wire, _ := io.ReadAll(r.Body)
		raw, err := s2.Decode(nil, wire)
		if err != nil {
			t.Error(err)
		}
		pushed <- string(raw)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer loki.Close()
	e, host := serve(t)
	say(t, start(t, e, containertest.Spec{Name: "web", Image: "nginx:1"}), "to be pushed")
	p := launch(t, nil, nil, "-host", host, "-loki", loki.URL)
	if body := <-pushed; !strings.Contains(body, "to be pushed") || !strings.Contains(body, `{container="web", image="nginx:1"}`) {
		t.Errorf("pushed %q", body)
	}
	p.interrupt()
	if said := p.stderr.String(); !regexp.MustCompile(`containers +1 +0 +1 `).MatchString(said) {
		t.Errorf("said %q, want 1 read, 0 added, 1 delivered", said)
	}
}

// TestRefusesWhatMakesNoSense: nothing must be followed by mistake.
func TestRefusesWhatMakesNoSense(t *testing.T) {
	for _, args := range [][]string{{"web"}, {"-name", "("}, {"-from", "middle"}, {"-loki", "nowhere"}, {"-host", "ssh://host"}} {
		p := launch(t, os.Stdout, nil, args...)
		if p.cmd.Wait() == nil || p.cmd.ProcessState.ExitCode() < 1 {
			t.Errorf("%q: %v", args, p.cmd.ProcessState)
		}
	}
}
