package file

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/logferry/logferry/lifecycle"
)

// TestLogrotate has a real logrotate rename the log again and again while it is written: no signal is sent, and every line
// is in one of the files, in order. Where a Write makes the file before logrotate has created it, logrotate renames that as
// well, to a name with the hour and .backup, which it gives again within the hour.
func TestLogrotate(t *testing.T) {
	program, err := exec.LookPath("logrotate")
	if err != nil {
		if slices.Contains(strings.Split(os.Getenv("LOGFERRY_REQUIRE"), ","), "logrotate") {
			t.Fatal("LOGFERRY_REQUIRE contains logrotate: ", err)
		}
		t.Skip("this test runs the logrotate of the system: ", err)
	}
	for _, mode := range []string{"nocreate", "create"} {
		t.Run(mode, func(t *testing.T) {
			const tries = 5
			for range tries {
				overwrote := logrotate(t, program, mode)
				if overwrote == "" {
					return
				}
				t.Log("logrotate met a Write twice, and has overwritten what it had renamed first: ", overwrote)
			}
			t.Errorf("so it did %d times", tries)
		})
	}
}

// logrotate rotates a log that is written, and looks whether all is in its files. It returns what logrotate said if
// that has overwritten one.
func logrotate(t *testing.T, program, mode string) (overwrote string) {
	r := newRig(t, Config{Path: "all.log"})
	path, config := filepath.Join(r.dir, "all.log"), filepath.Join(t.TempDir(), "logrotate.conf")
	text := fmt.Sprintf("%s {\n\tsize 1\n\trotate 100\n\tmissingok\n\t%s\n\tsu root root\n}\n", path, mode)
	if os.Getuid() != 0 {
		text = strings.Replace(text, "\tsu root root\n", "", 1)
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.put(noon, shop, numbered(0, 10)...)
	written, wrote := 10, make(chan struct{})
	sup := lifecycle.New(lifecycle.Config{})
	defer func() {
		if err := sup.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	writer := sup.Go("writer", func(ctx context.Context) error {
		for ; ctx.Err() == nil; written += 10 {
			if err := r.try(noon, shop, numbered(written, 10)...); err != nil {
				return err
			}
			select {
			case wrote <- struct{}{}:
			default:
			}
		}
		return nil
	})
	for n := range 10 {
		if out, err := exec.Command(program, "-f", "-s", config+".state", config).CombinedOutput(); strings.Contains(string(out), "error creating output file") {
			return string(out)
		} else if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, name := range glob(t, path+"-*.backup") {
			if err := os.Rename(name, fmt.Sprintf("%s.backup%d", path, n)); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // the second of these Writes began after that
			select {
			case <-wrote:
			case <-writer.Done():
			}
		}
	}
	writer.Stop()
	if err := writer.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	var files [][]string
	for _, name := range glob(t, path+"*") {
		if lines := readFile(t, name); len(lines) > 0 { // logrotate may have made it before a Write, and rotated it again
			files = append(files, lines)
		}
	}
	slices.SortFunc(files, func(a, b []string) int { return numberOf(t, a[0]) - numberOf(t, b[0]) })
	got := slices.Concat(files...)
	if want := numbered(0, written); !slices.Equal(got, want) {
		t.Error(difference(got, want))
	}
	if s := r.Stats(); s.Reopened < 10 {
		t.Errorf("%+v", s)
	}
	return ""
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// numberOf returns the number of one of the lines that are numbered.
func numberOf(t *testing.T, line string) (n int) {
	t.Helper()
	if _, err := fmt.Sscanf(line, "line %d ", &n); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return n
}
