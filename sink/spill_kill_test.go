package sink_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// spillChildEnv holds the folder of the queue of the process that TestSpillChildProcess becomes, the number of the first
// entry it writes, and how: directly, with large records among its, or with some of its writers told to wait.
const spillChildEnv = "LOGFERRY_TEST_SPILL"

// TestSpillChildProcess is no test but the process that TestSpillKilled kills: it writes numbered entries as fast as it
// can, from four goroutines, and says of each that is acknowledged, and of each that its destination was given. That is
// down most of the time.
func TestSpillChildProcess(t *testing.T) {
	var dir, mode string
	var first int
	if _, err := fmt.Sscan(os.Getenv(spillChildEnv), &first, &mode, &dir); err != nil {
		t.Skip("only in a process of its own")
	}
	var mu sync.Mutex
	say := func(word string, b *batch.Batch) {
		var text strings.Builder
		for i := range b.Entries {
			fmt.Fprintf(&text, "%s %s\n", word, b.Entries[i].Line)
		}
		mu.Lock()
		defer mu.Unlock()
		io.WriteString(os.Stdout, text.String())
	}
	calls := 0
	to := sink.Func(func(_ context.Context, b *batch.Batch) error {
		mu.Lock()
		calls++
		up := calls%200 > 150
		mu.Unlock()
		switch {
		case mode == "waits":
			return some(b, up, func(taken *batch.Batch) { say("got", taken) })
		case !up:
			return errDown
		}
		say("got", b)
		return nil
	})
	s, err := sink.Spill(sink.Retry(to, sink.RetryConfig{Min: 100 * time.Microsecond, Max: 100 * time.Microsecond}),
		sink.SpillConfig{Dir: dir, MaxBytes: 8 << 20, Overflow: sink.SpillBlock, Direct: mode == "direct"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), lifecycle.New(lifecycle.Config{})); err != nil {
		t.Fatal(err)
	}
	for w := range 4 {
		go func() {
			for n := first + w; ; {
				b := batch.New(nil, batch.MustLabels("writer", strconv.Itoa(w)))
				if mode == "large" && w > 1 {
					b.Append(base, fmt.Append(nil, n), batch.Attr{Key: "pad", Value: strings.Repeat("x", 20<<10+n*37%(200<<10))})
					n += 4
				}
				for range 1 + n/4%20 {
					b.Append(base, fmt.Append(nil, n))
					n += 4
				}
				for s.Write(t.Context(), b) != nil { // full
					time.Sleep(time.Millisecond)
				}
				say("acked", b)
			}
		}()
	}
	io.Copy(io.Discard, os.Stdin) // until it is killed
}

// some takes all entries of b, or, unless it is up, has two writers wait and takes those of the others.
func some(b *batch.Batch, up bool, take func(*batch.Batch)) error {
	var taken []int32
	p := &sink.PartialError{}
	for i := range b.Entries {
		if w := b.LabelsOf(i).Get("writer"); up || w != "1" && w != "2" {
			taken = append(taken, int32(i))
			continue
		}
		p.Failures = append(p.Failures, sink.Failure{Index: i, Err: sink.RetryAfter(errDown, time.Millisecond)})
	}
	take(b.Subset(taken))
	return p
}

// A ledger is what the outside knows of the entries of all processes.
type ledger struct {
	acked, got map[int]int
	highest    int
}

// TestSpillKilled kills a process with a queue at random points, again and again. In the end every entry that was ever
// acknowledged has been delivered.
func TestSpillKilled(t *testing.T) {
	for _, mode := range []string{"disk", "direct", "large", "waits"} {
		t.Run(mode, func(t *testing.T) {
			kills, most := 5, 3000
			if os.Getenv("LOGFERRY_SOAK") != "" {
				kills, most = 100, 100_000
			}
			seed := uint64(time.Now().UnixNano())
			rnd := rand.New(rand.NewPCG(seed, 0))
			dir := filepath.Join(t.TempDir(), "queue")
			l := &ledger{acked: map[int]int{}, got: map[int]int{}}
			for range kills {
				l.live(t, dir, mode, 1+rnd.IntN(most))
			}
			left := l.drain(t, dir)
			lost, again := 0, 0
			for n := range l.acked {
				if l.got[n] == 0 {
					lost++
				}
			}
			for _, times := range l.got {
				again += times - 1
			}
			t.Logf("seed %d: %d kills, %d entries acknowledged, %d delivered at last, %d again, %d lost", seed, kills, len(l.acked), left, again, lost)
			if lost > 0 || len(l.acked) < 10*kills {
				t.Errorf("%d of %d acknowledged entries lost", lost, len(l.acked))
			}
		})
	}
}

// live is the life of one process, which is killed when it has said so many lines.
func (l *ledger) live(t *testing.T, dir, mode string, most int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestSpillChildProcess$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s %s", spillChildEnv, (l.highest/4+1)*4, mode, dir))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	told := 0
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		word, number, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.Atoi(number)
		if err != nil {
			continue
		}
		l.highest = max(l.highest, n)
		switch word {
		case "acked":
			l.acked[n]++
		case "got":
			l.got[n]++
		}
		if told++; told == most {
			cmd.Process.Kill()
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	if told < most {
		t.Fatalf("it ended by itself after %d lines", told)
	}
	l.highest += 1000 // beyond what it had begun and did not tell of
}

// drain delivers what is left.
func (l *ledger) drain(t *testing.T, dir string) int {
	t.Helper()
	r := startSpill(t, &memory{}, sink.SpillConfig{Dir: dir})
	r.drain()
	if st := r.Stats(); st.DamagedRecords > 0 {
		t.Errorf("%+v", st)
	}
	lines := r.lines()
	for _, line := range lines {
		n, err := strconv.Atoi(line)
		if err != nil {
			t.Fatalf("delivered: %q", line)
		}
		l.got[n]++
	}
	return len(lines)
}
