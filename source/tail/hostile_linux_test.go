//go:build linux

package tail

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// sparse makes path size bytes long, nearly all of them a hole, with text at its beginning and its end.
func sparse(t *testing.T, path, first string, size int64, last string) {
	t.Helper()
	f, err := os.Create(path + ".tmp")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(first), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(last), size-int64(len(last))); err != nil {
		t.Fatal(err)
	}
	rename(t, path+".tmp", path)
}

// maxGrowth is what a source may take, whatever stands in its files: a few chunks and a line of MaxLine.
const maxGrowth = 16 << 20

func TestHostileSizes(t *testing.T) {
	size := int64(1) << 30
	if testing.Short() || raceEnabled {
		size = 64 << 20
	}
	for name, c := range map[string]struct{ first, last, line string }{
		"one line":       {"x", "\nnext\n", "x" + strings.Repeat("\x00", 1<<20-1)},
		"a hole, a line": {"", "first\nnext\n", "first"},
	} {
		t.Run(name, func(t *testing.T) {
			s := besiege(t, Config{})
			sparse(t, s.bad, c.first, size, c.last)
			grown := growth(func() bool {
				s.goesOn()
				return len(s.lines()) >= 2
			})
			s.want(c.line, "next")
			if t.Logf("%d KiB more heap in use", grown>>10); grown > maxGrowth {
				t.Errorf("the heap grew by %d bytes", grown)
			}
		})
	}
}

// bind makes permission bits bind this process, which do not bind root, and gives the folders of the test to whom it is
// then. All threads change together.
func bind(t *testing.T) {
	t.Helper()
	if syscall.Geteuid() != 0 {
		return
	}
	const nobody = 65534
	if err := os.Chown(filepath.Dir(t.TempDir()), nobody, -1); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setresuid(-1, nobody, -1); err != nil {
		t.Skip("this process cannot become another user: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Setresuid(-1, 0, -1); err != nil {
			panic(err) // nothing that follows would mean what it says
		}
	})
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestHostilePermissions(t *testing.T) {
	t.Run("of a new file", func(t *testing.T) {
		bind(t)
		s := besiege(t, Config{})
		write(t, s.bad+".tmp", "one\n")
		chmod(t, s.bad+".tmp", 0)
		rename(t, s.bad+".tmp", s.bad)
		s.fails(s.bad, 1)
		chmod(t, s.bad, 0o600)
		s.recovers(s.bad)
		s.want("one")
	})

	t.Run("of a file that was closed", func(t *testing.T) {
		bind(t)
		s := besiege(t, Config{MaxOpen: 1})
		f, err := os.Create(s.bad)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		f.WriteString("0\n")
		s.want("0")
		want := []string{"0"}
		for i := range 2 {
			s.goesOn() // takes the handle
			chmod(t, s.bad, 0)
			line := string(rune('1' + i))
			f.WriteString(line + "\n")
			s.fails(s.bad, i+1)
			chmod(t, s.bad, 0o600)
			s.recovers(s.bad)
			want = append(want, line)
			s.want(want...)
		}
	})
}
