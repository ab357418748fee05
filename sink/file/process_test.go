package file

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
)

// The environment of the process that TestWriterProcess becomes: where it writes, and what its lines begin with.
const (
	writerFolder = "LOGFERRY_TEST_FOLDER"
	writerRound  = "LOGFERRY_TEST_ROUND"
)

// killed is how a process is set up that is to be killed.
func killed(folder string) Config {
	return Config{Path: filepath.ToSlash(folder) + "/{app}/all.log", Sync: SyncBatch, Rotate: Rotate{Bytes: 100_000},
		Compress: Zstd, Location: time.UTC}
}

// testLine is one that proves to be whole.
func testLine(round string, stream, n int) string {
	return fmt.Sprintf("round %s stream %d line %d %s end", round, stream, n, strings.Repeat("x", n*37%300))
}

// TestWriterProcess is no test but the other process of some: it writes lines as fast as it can, telling which are
// acknowledged, until it is killed.
func TestWriterProcess(t *testing.T) {
	folder, round := os.Getenv(writerFolder), os.Getenv(writerRound)
	if folder == "" {
		t.Skip("only in a process of its own")
	}
	s, err := New(killed(folder))
	if err != nil {
		t.Fatal(err)
	}
	sup := lifecycle.New(lifecycle.Config{})
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	for stream := range 3 {
		sup.Go("writer", func(ctx context.Context) error {
			for n := 0; ; n += 20 {
				b := batch.New(nil, batch.MustLabels("app", "app"+strconv.Itoa(stream%2))) // two streams share a file
				for i := range 20 {
					b.Append(time.Now(), []byte(testLine(round, stream, n+i)))
				}
				err := s.Write(ctx, b)
				b.Settle(nil)
				if err != nil {
					fmt.Println("failed", err)
					return err
				}
				fmt.Println("acked", stream, n+19)
			}
		})
	}
	<-sup.Context().Done()
}

// writer is another process that writes.
type writer struct {
	cmd   *exec.Cmd
	told  *bufio.Scanner
	acked map[int]int // the last line acknowledged, by stream
	wrong string
}

func startWriter(t *testing.T, folder, round string) *writer {
	t.Helper()
	w := &writer{cmd: exec.Command(os.Args[0], "-test.run=^TestWriterProcess$"), acked: map[int]int{}}
	w.cmd.Env = append(os.Environ(), writerFolder+"="+folder, writerRound+"="+round)
	w.cmd.Stderr = os.Stderr
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.kill)
	w.told = bufio.NewScanner(out)
	return w
}

// hear takes in what it tells next.
func (w *writer) hear() bool {
	if !w.told.Scan() {
		return false
	}
	var stream, n int
	if _, err := fmt.Sscanf(w.told.Text(), "acked %d %d", &stream, &n); err == nil {
		w.acked[stream] = n
	} else if strings.HasPrefix(w.told.Text(), "failed") {
		w.wrong = w.told.Text()
	}
	return true
}

func (w *writer) kill() {
	if w.cmd.ProcessState != nil {
		return
	}
	w.cmd.Process.Kill()
	for w.hear() {
	}
	w.cmd.Wait()
}

// TestKilled kills a process that writes, flushes, rotates and compresses, at random, and looks at what it left: every
// line it told to be acknowledged is there, once and whole, and nothing is joined to anything else. What is there of a
// line that was being written is a beginning of it.
func TestKilled(t *testing.T) {
	rounds := 8
	if os.Getenv("LOGFERRY_SOAK") != "" {
		rounds = 100
	}
	folder := t.TempDir()
	acked := map[string]map[int]int{}
	for n := range rounds {
		round := strconv.Itoa(n)
		w := startWriter(t, folder, round)
		for until := 1 + rand.IntN(60); until > 0; until-- {
			if !w.hear() {
				t.Fatalf("it ended by itself: %s", w.wrong)
			}
		}
		time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond) // not to synchronise: to hit any instant
		w.kill()
		if w.wrong != "" {
			t.Fatal(w.wrong)
		}
		acked[round] = w.acked
	}
	r := openRig(t, folder, Config{Path: "{app}/all.log", Compress: Zstd})
	r.tidy(t.Context(), time.Now()) // completes what the processes left
	r.put(time.Now(), batch.MustLabels("app", "app0"), "round last stream 0 line 0  end")
	r.put(time.Now(), batch.MustLabels("app", "app1"), "round last stream 0 line 0  end")
	r.judge(acked)
}

// judge reads all files.
func (r *rig) judge(acked map[string]map[int]int) {
	t := r.t
	t.Helper()
	found := map[string]int{}
	pieces, total, packed := 0, 0, 0
	for _, name := range r.names() {
		if strings.HasSuffix(name, suffixTemp) {
			t.Errorf("left behind: %s", name)
		}
		for _, line := range r.linesOf(name) {
			total++
			var round string
			var stream, n int
			if _, err := fmt.Sscanf(line, "round %s stream %d line %d", &round, &stream, &n); err == nil && line == testLine(round, stream, n) {
				found[line]++
				continue
			}
			pieces++
			if !strings.HasPrefix("round ", line[:min(6, len(line))]) || strings.Contains(line, "end") || strings.Count(line, "round") > 1 {
				t.Errorf("%s: merged: %q", name, line)
			}
		}
		if strings.HasSuffix(name, suffixZstd) {
			packed++
		}
	}
	missing, doubled, count := 0, 0, 0
	for round, streams := range acked {
		for stream, last := range streams {
			for n := range last + 1 {
				count++
				switch found[testLine(round, stream, n)] {
				case 0:
					missing++
				case 1:
				default:
					doubled++
				}
			}
		}
	}
	t.Logf("%d processes killed: %d lines acknowledged, %d missing, %d there twice; %d lines in %d files (%d compressed), %d of them pieces",
		len(acked), count, missing, doubled, total, len(r.names()), packed, pieces)
	if missing > 0 || doubled > 0 || pieces > 3*len(acked) || count == 0 || packed == 0 {
		t.Error("that is wrong")
	}
}

// linesOf returns the lines of a file, compressed or not.
func (r *rig) linesOf(name string) []string {
	if strings.HasSuffix(name, suffixZstd) || strings.HasSuffix(name, suffixGzip) {
		return strings.Split(strings.TrimSuffix(r.unpacked(name), "\n"), "\n")
	}
	return readFile(r.t, filepath.Join(r.dir, name))
}

// TestTwoProcesses: a file that another process has open is refused, by name, and not for ever.
func TestTwoProcesses(t *testing.T) {
	folder := t.TempDir()
	w := startWriter(t, folder, "0")
	for len(w.acked) < 3 {
		if !w.hear() {
			t.Fatal(w.wrong)
		}
	}
	r := openRig(t, folder, Config{Path: "{app}/all.log"})
	l := batch.MustLabels("app", "app0")
	err := r.try(noon, l, "one")
	if want := filepath.Join(folder, "app0", "all.log") + ": in use by another sink"; !errors.Is(err, ErrInUse) || !strings.HasSuffix(err.Error(), want) {
		t.Fatalf("%v, want %s", err, want)
	}
	if err := r.Health(); !errors.Is(err, ErrInUse) {
		t.Errorf("Health: %v", err)
	}
	r.put(noon, batch.MustLabels("app", "mine"), "one")
	w.kill()
	r.put(noon, l, "one") // its claim has ended with it
	if err := r.Health(); err != nil {
		t.Errorf("Health: %v", err)
	}
}

// TestTwoSinks: so is one that another Sink of this process has.
func TestTwoSinks(t *testing.T) {
	first := newRig(t, Config{Path: "all.log"})
	second := openRig(t, first.dir, Config{Path: "all.log"})
	first.put(noon, shop, "1")
	if err := second.try(noon, shop, "2"); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	first.shut()
	second.put(noon, shop, "2")
	second.file("all.log", "1", "2")
}

// TestNoLocks: a file system without locks is written to all the same.
func TestNoLocks(t *testing.T) {
	r := newRig(t, Config{Path: "all.log", Rotate: Rotate{Bytes: 3}, Compress: Gzip})
	r.plant("all.log.20260102T110000.000.gz.tmp", "left", noon)
	r.disk.fault = func(_ int, op string) error {
		if op == "claim" {
			return errors.ErrUnsupported
		}
		return nil
	}
	r.put(noon, shop, "1", "2")
	r.tidy(t.Context(), noon)
	r.holds("all.log", "all.log.20260102T120000.000.gz")
	if err := r.Health(); err != nil {
		t.Error(err)
	}
}
