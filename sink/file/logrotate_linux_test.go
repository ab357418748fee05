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
// is in one of the files, in order. With create one of them may be what logrotate found where it was to make a file.
func TestLogrotate(t *testing.T) {
	program, err := exec.LookPath("logrotate")
	if err != nil {
		if slices.Contains(strings.Split(os.Getenv("LOGFERRY_REQUIRE"), ","), "logrotate") {
			t.Fatal("LOGFERRY_REQUIRE contains logrotate: ", err)
		}
		t.Skip("this test runs the logrotate of the system: ", err)
	}
	for _, mode := range []string{"nocreate", "create"} {
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
			out, err := exec.Command(program, "-f", "-s", config+".state", config).CombinedOutput()
			if err != nil && !(mode == "create" && strings.Contains(string(out), "error creating")) { // it was there again
				t.Fatalf("%v: %s", err, out)
			}
			found, err := filepath.Glob(path + "-*.backup")
			if err == nil && len(found) > 0 { // out of the way of the next, which would be called the same
				err = os.Rename(found[0], fmt.Sprint(path, ".", 10-n, ".found"))
			}
			if err != nil || len(found) > 1 {
				t.Fatal(found, err)
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
		if err := sup.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got []string
		for n := 10; n >= 0; n-- {
			name := fmt.Sprint(path, ".", n)
			if n == 0 {
				name = path
			}
			for _, name := range []string{name, name + ".found"} {
				if _, err := os.Stat(name); err == nil { // logrotate may have come before a Write, and found nothing
					got = append(got, readFile(t, name)...)
				}
			}
		}
		if want := numbered(0, written); !slices.Equal(got, want) {
			t.Errorf("%s: %s", mode, difference(got, want))
		}
		if s := r.Stats(); s.Reopened < 10 {
			t.Errorf("%s: %+v", mode, s)
		}
	}
}
