package enginetest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logferry/logferry/internal/enginetest"
)

// left returns what there is of the engine in a folder: processes, mounts, cgroups and the folder itself.
func left(t *testing.T, dir string) (found []string) {
	t.Helper()
	if _, err := os.Lstat(dir); err == nil {
		found = append(found, dir)
	}
	for _, name := range []string{"cmdline", "mountinfo"} {
		files, err := filepath.Glob("/proc/[0-9]*/" + name)
		if err != nil || len(files) == 0 {
			t.Fatalf("%d files of that name in /proc: %v", len(files), err)
		}
		for _, file := range files {
			text, _ := os.ReadFile(file) // of one that has not ended
			if bytes.Contains(text, []byte(filepath.Base(dir))) {
				found = append(found, fmt.Sprintf("%s: %.200q", file, text))
			}
		}
	}
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(path, filepath.Base(dir)) {
			found = append(found, path)
		}
		return nil // another test's may have gone
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func folder(e *enginetest.Engine) string {
	return filepath.Dir(strings.TrimPrefix(e.Host(), "unix://"))
}

// fill makes a container of each kind there is when a test ends.
func fill(t *testing.T, e *enginetest.Engine) {
	t.Helper()
	lives := enginetest.Script{Lines: -1, Burst: 100, Every: 1e6, Live: -1}
	e.Create(t, enginetest.Spec{})
	e.Run(t, enginetest.Spec{}).Wait(t)
	e.Run(t, enginetest.Spec{Script: lives, Driver: "local"})
	e.Run(t, enginetest.Spec{Script: lives, Tty: true})
	e.Run(t, enginetest.Spec{Script: lives}).Pause(t)
}

// outside are files of the machine that an engine which is not kept from it would make.
func outside(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, path := range []string{"/etc/docker", "/opt/containerd", "/run/docker", "/run/containerd", "/var/lib/docker", "/sys/fs/cgroup/docker",
		"/sys/fs/cgroup/cpu/docker", "/sys/class/net/docker0"} {
		_, err := os.Lstat(path)
		found[path] = err == nil
	}
	return found
}

// An engine's test leaves nothing behind, whether the engine was running or stopped when it ended.
func TestNothingIsLeft(t *testing.T) {
	for name, before := range map[string]func(*enginetest.Engine, testing.TB){
		"running": func(*enginetest.Engine, testing.TB) {},
		"stopped": (*enginetest.Engine).Stop,
	} {
		t.Run(name, func(t *testing.T) {
			for _, version := range enginetest.Need(t) {
				was := outside(t)
				var dir string
				t.Run(version, func(t *testing.T) {
					e := enginetest.Start(t, version)
					dir = folder(e)
					fill(t, e)
					before(e, t)
					if found := left(t, dir); len(found) < 10 {
						t.Errorf("no more than %d traces of a running engine are found: %q", len(found), found)
					}
				})
				if found := left(t, dir); len(found) > 0 {
					t.Errorf("left behind: %q", found)
				}
				if is := outside(t); fmt.Sprint(is) != fmt.Sprint(was) {
					t.Errorf("the machine had %v and has %v", was, is)
				}
			}
		})
	}
}

// child runs one test of this binary as another process, with its environment changed.
func child(t *testing.T, test string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), "ENGINETEST_CHILD=1")
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

func isChild() bool { return os.Getenv("ENGINETEST_CHILD") != "" }

// A test process that is killed, or that panics, leaves nothing behind either.
func TestNothingIsLeftOfAKilledTest(t *testing.T) {
	if isChild() {
		e := enginetest.Start(t, os.Getenv("ENGINETEST_VERSION"))
		fill(t, e)
		fmt.Println("folder", folder(e))
		if os.Getenv("ENGINETEST_PANIC") != "" {
			panic("as it was told to")
		}
		select {}
	}
	for _, version := range enginetest.Need(t) {
		for _, panics := range []string{"", "1"} {
			t.Run(fmt.Sprintf("%s/panics=%s", version, panics), func(t *testing.T) {
				cmd := child(t, "TestNothingIsLeftOfAKilledTest", "ENGINETEST_VERSION="+version, "ENGINETEST_PANIC="+panics)
				out, err := cmd.StdoutPipe()
				if err == nil {
					err = cmd.Start()
				}
				if err != nil {
					t.Fatal(err)
				}
				var dir, all string
				for lines := bufio.NewScanner(out); dir == "" && lines.Scan(); all += lines.Text() + "\n" {
					dir, _ = strings.CutPrefix(lines.Text(), "folder ")
					if dir == lines.Text() {
						dir = ""
					}
				}
				if dir == "" {
					cmd.Wait()
					t.Fatalf("no engine:\n%s", all)
				}
				if panics == "" {
					if found := left(t, dir); len(found) < 10 {
						t.Errorf("no more than %d traces of a running engine are found: %q", len(found), found)
					}
					cmd.Process.Kill()
				}
				if err := cmd.Wait(); err == nil {
					t.Error("the test passed")
				}
				await(t, "end of all that was started", func() bool { return len(left(t, dir)) == 0 })
			})
		}
	}
}

// What is done without engines is seen from outside.
func TestNeed(t *testing.T) {
	if isChild() {
		fmt.Println("versions", enginetest.Need(t))
		enginetest.Start(t, "20.10")
		return
	}
	none := filepath.Join(t.TempDir(), "engine-20.10")
	for _, test := range []struct{ name, engines, require, want string }{
		{"skipped", "", "", "SKIP: TestNeed"},
		{"skipped with the reason", "", "loki", "enginetest: LOGFERRY_ENGINES is not set"},
		{"required", "", "loki,engine", "enginetest: LOGFERRY_ENGINES is not set"},
		{"not there", none, "", "no such file"},
		{"relative", "engine-20.10", "", "engine-20.10 is not the absolute path of a folder"},
		{"of no version", "/usr/bin", "", "/usr/bin is not the absolute path of a folder"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := child(t, "TestNeed", "LOGFERRY_ENGINES="+test.engines, "LOGFERRY_REQUIRE="+test.require).CombinedOutput()
			if !strings.Contains(string(out), test.want) || (err == nil) != strings.HasPrefix(test.name, "skipped") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// An engine that does not start says why, and leaves nothing behind.
func TestEnginesThatDoNotStart(t *testing.T) {
	if isChild() {
		e := enginetest.Start(t, "0.1")
		t.Error(e.Host())
		return
	}
	enginetest.Need(t)
	bin := filepath.SplitList(os.Getenv("LOGFERRY_ENGINES"))[0]
	short, err := os.MkdirTemp("", "lf-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(short)
	const ends = "#!/bin/sh\necho spoke; exit 3\n"
	for _, test := range []struct{ name, script, init, tmp, want string }{
		{"it ends", ends, "docker-init", short, "spoke"},
		{"it cannot be run", "#!/no/such/shell\n", "docker-init", short, "not found"},
		{"it has no namespaces", ends, "none", short, "unshare: failed to execute"},
		{"its socket has too long a name", ends, "docker-init", filepath.Join(short, strings.Repeat("x", 80)), "too long a name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "engine-0.1")
			for _, d := range []string{dir, test.tmp} {
				if err := os.MkdirAll(d, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, "dockerd"), []byte(test.script), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join(bin, test.init), filepath.Join(dir, "docker-init")); err != nil {
				t.Fatal(err)
			}
			out, err := child(t, "TestEnginesThatDoNotStart", "LOGFERRY_ENGINES="+dir, "TMPDIR="+test.tmp).CombinedOutput()
			if err == nil || !strings.Contains(string(out), test.want) || strings.Contains(string(out), "timeout") {
				t.Errorf("%v, want %q\n%s", err, test.want, out)
			}
			if found, err := filepath.Glob(test.tmp + "/lf-engine-*"); err != nil || len(found) > 0 {
				t.Errorf("left behind: %v, %v", found, err)
			}
		})
	}
}
