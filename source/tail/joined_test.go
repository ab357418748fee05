package tail

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/record"
)

// starting has each line that begins with an S start an entry.
var starting = Multiline{Rule: record.Start(regexp.MustCompile(`^S`))}

func cri(stream, tag, text string) string {
	return fmt.Sprintf("2016-10-06T00:17:09.669794202Z %s %s %s\n", stream, tag, text)
}

func docker(stream, log string) string {
	return fmt.Sprintf(`{"log":%q,"stream":%q,"time":"2016-10-06T00:17:09.669794202Z"}`+"\n", log, stream)
}

func TestFormats(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, test := range []struct {
		name        string
		cfg         Config
		text        string
		want, attrs []string
	}{
		{"cri", Config{Format: record.CRI},
			cri("stdout", "F", "a") + cri("stdout", "P", "b1 ") + cri("stderr", "F", "c") + cri("stdout", "F", "b2\r") + "torn\n" + cri("stderr", "F:x", ""),
			[]string{"a", "c", "b1 b2", "torn", ""},
			[]string{"stream=stdout", "stream=stderr", "stream=stdout", "malformed=cri", "stream=stderr"}},
		{"docker", Config{Format: record.DockerJSON, KeepCR: true},
			docker("stdout", "a\r\n") + docker("stdout", "b1 ") + docker("stderr", "c\td\n") + docker("stdout", "b2\n") + "{}\n",
			[]string{"a\r", "c\td", "b1 b2", "{}"},
			[]string{"stream=stdout", "stream=stderr", "stream=stdout", "malformed=docker-json"}},
		{"cri, too long", Config{Format: record.CRI, MaxLine: 5},
			cri("stdout", "P", "1234") + cri("stdout", "P", "567") + cri("stdout", "F", "8") + cri("stdout", "F", "é23é") + "malformed\n",
			[]string{"12345", "é23", "malfo"},
			[]string{"stream=stdout,truncated=true", "stream=stdout,truncated=true", "malformed=cri,truncated=true"}},
		{"multiline", Config{Multiline: starting, AddPath: true, AddOffset: true},
			"x\nS1\r\na\n\nS2\nb",
			[]string{"x", "S1\na\n", "S2\nb"},
			[]string{"path=" + path + ",offset=0", "path=" + path + ",offset=2", "path=" + path + ",offset=9"}},
		{"multiline, max lines", Config{Multiline: Multiline{Rule: starting.Rule, MaxLines: 2}},
			"S1\na\nb\nc\nd\nS2\n", []string{"S1\na", "b\nc", "d", "S2"}, []string{"", "", "", ""}},
		{"multiline, max line", Config{Multiline: starting, MaxLine: 6},
			"S1\na\nbb\nccccccc\nd\nS2\n", []string{"S1\na", "bb", "cccccc", "d", "S2"}, []string{"", "", "truncated=true", "", ""}},
		{"multiline of cri", Config{Format: record.CRI, Multiline: starting},
			cri("stdout", "F", "S1") + cri("stderr", "F", "Sx") + cri("stdout", "P", "a") + cri("stderr", "F", "y") + cri("stdout", "F", "b") + cri("stderr", "F", "Sz") + cri("stdout", "F", "S2"),
			[]string{"Sx\ny", "S1\nab", "Sz", "S2"},
			[]string{"stream=stderr", "stream=stdout", "stream=stderr", "stream=stdout"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(test.text), 0o644); err != nil {
				t.Fatal(err)
			}
			test.cfg.Paths = []string{path}
			sink := readOnce(t, test.cfg)
			if got := sink.got(); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			for i := range sink.attrs {
				if got := sink.attrs[i]; got != strings.ReplaceAll(test.attrs[i], ",", "") {
					t.Errorf("attributes of %d: %q, want %q", i, got, test.attrs[i])
				}
			}
		})
	}
}

// TestEntryTime: entries of a format have the time of their line.
func TestEntryTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, cri("stdout", "F", "a"))
	sink := newSinkhole()
	n := 0
	sink.onLine = func(_ batch.Labels, e *batch.Entry) {
		n++
		if want := time.Date(2016, 10, 6, 0, 17, 9, 669794202, time.UTC); !e.Time.Equal(want) || string(e.Line) != "a" {
			t.Errorf("%v %q, want %v", e.Time, e.Line, want)
		}
	}
	r := start(t, Config{Paths: []string{path}, Once: true, Format: record.CRI}, sink, nil)
	if r.ended(); n != 1 {
		t.Errorf("%d entries", n)
	}
}

// TestHeldBack: an entry waits for what may follow until it has been alone for
// Timeout; a line without newline goes on waiting.
func TestHeldBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "S1\na\nS2\n")
	r := start(t, quick(Config{Paths: []string{path}, Multiline: Multiline{Rule: starting.Rule, Timeout: time.Hour}}), newSinkhole(), nil)
	r.await("S1\na")
	wait(t, "the rest to be read", func() bool { s := r.src.Stats(); return s[0].State == Idle && s[0].Read == 5 })
	write(t, path, "b\nS3\n")
	r.await("S1\na", "S2\nb")
	r.stop()
	begun := time.Now()
	r = start(t, quick(Config{Paths: []string{path}, Multiline: Multiline{Rule: starting.Rule, Timeout: 300 * time.Millisecond}}), newSinkhole(), nil)
	write(t, path, "c\nunfinished")
	r.await("S1\na", "S2\nb", "S3\nc")
	if d := time.Since(begun); d < 300*time.Millisecond {
		t.Errorf("delivered after %v, before Timeout", d)
	}
	wait(t, "acknowledgement", func() bool { return r.src.Stats()[0].Lag == int64(len("unfinished")) })
	write(t, path, "\n")
	r.await("S1\na", "S2\nb", "S3\nc", "unfinished")
}

// pieces makes a file in format CRI of interleaved outputs, and what becomes of
// it: lines of each output joined by pieces, and by starting if multiline.
func pieces(rnd *rand.Rand, lines int, multiline bool) (text []string, want map[string][]string) {
	want = map[string][]string{}
	open := map[string]string{}
	for i := range lines {
		stream := []string{"stdout", "stderr"}[rnd.IntN(2)]
		piece := fmt.Sprintf("%d.%s", i, strings.Repeat("x", rnd.IntN(40)))
		if open[stream] == "" && (!multiline || rnd.IntN(3) == 0 || len(want[stream]) == 0) {
			piece = "S" + piece
		}
		tag := "F"
		if rnd.IntN(3) == 0 {
			tag = "P"
		}
		text = append(text, cri(stream, tag, piece))
		if open[stream] += piece; tag == "P" && i < lines-10 {
			continue
		}
		text[len(text)-1] = cri(stream, "F", piece)
		line := open[stream]
		open[stream] = ""
		if n := len(want[stream]); multiline && line[0] != 'S' {
			want[stream][n-1] += "\n" + line
		} else {
			want[stream] = append(want[stream], line)
		}
	}
	for _, stream := range []string{"stdout", "stderr"} {
		if open[stream] != "" { // its last piece came before the end
			text = append(text, cri(stream, "F", "."))
			line := open[stream] + "."
			if n := len(want[stream]); multiline && line[0] != 'S' {
				want[stream][n-1] += "\n" + line
			} else {
				want[stream] = append(want[stream], line)
			}
		}
	}
	return text, want
}

// byStream sorts what arrived by the attribute stream.
func (r *sinkhole) byStream() map[string][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string][]string{}
	for i, line := range r.lines {
		stream := strings.TrimPrefix(r.attrs[i], "stream=")
		all[stream] = append(all[stream], line)
	}
	return all
}

// TestRestartWithinRecords stops and starts again while entries of both outputs
// are open: nothing is lost, nothing comes twice, and each is joined as if it
// had been read in one go.
func TestRestartWithinRecords(t *testing.T) {
	for _, multiline := range []bool{false, true} {
		t.Run(fmt.Sprint("multiline ", multiline), func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			rnd := rand.New(rand.NewPCG(seed, 3))
			text, want := pieces(rnd, 400, multiline)
			whole := strings.Join(text, "")
			path := filepath.Join(t.TempDir(), "f")
			cfg := quick(Config{Paths: []string{path}, Format: record.CRI, Multiline: Multiline{Timeout: time.Hour}})
			if multiline {
				cfg.Multiline.Rule = starting.Rule
			}
			store := source.MemCheckpoints()
			sink := newSinkhole()
			passed := false
			for at := 0; at < len(whole); {
				n := min(1+rnd.IntN(2000), len(whole)-at)
				write(t, path, whole[at:at+n])
				at += n
				r := start(t, cfg, sink, store)
				wait(t, "the end", func() bool {
					s := r.src.Stats()
					return len(s) == 1 && s[0].State == Idle && s[0].Size == int64(at)
				})
				r.stop()
				for _, c := range store.All(t.Context()) {
					passed = passed || strings.HasPrefix(c, "3 ")
				}
			}
			if !passed {
				t.Error("never was one output ahead of the other: the test is too kind")
			}
			cfg.Once = true
			r := start(t, cfg, sink, store)
			r.ended()
			got := sink.byStream()
			for stream := range want {
				if !slices.Equal(got[stream], want[stream]) {
					t.Errorf("%s: got %d entries, want %d\n%.2000q\n%.2000q", stream, len(got[stream]), len(want[stream]), got[stream], want[stream])
				}
			}
		})
	}
}

// TestWindow: an output that falls silent in the middle of a line does not hold
// back the other, nor have ever more of the file read again.
func TestWindow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var text strings.Builder
	text.WriteString(cri("stdout", "P", "silent"))
	n := 0
	for ; text.Len() < 3<<20; n++ {
		text.WriteString(cri("stderr", "F", fmt.Sprintf("%d %s", n, strings.Repeat("x", 100))))
	}
	write(t, path, text.String())
	r := start(t, quick(Config{Paths: []string{path}, Format: record.CRI, Multiline: Multiline{Timeout: time.Hour}, MaxLine: 1000}), newSinkhole(), nil)
	wait(t, "all lines", func() bool { return r.sink.count() == n+1 })
	got := r.sink.got()
	if i := slices.Index(got, "silent"); i < 0 || i > n/2 {
		t.Errorf("the silent line came at %d of %d", i, n)
	}
	slices.Sort(got)
	if got = slices.Compact(got); len(got) != n+1 {
		t.Errorf("%d different lines, want %d", len(got), n+1)
	}
}

// TestRealRecords: real logs, with a trace behind each hundredth line.
func TestRealRecords(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/logs/*.log")
	if len(files) == 0 {
		t.Skip("no real logs here")
	}
	trace := "\njava.io.IOException: x\n\tat A.f(A.java:1)\n\n\t... 3 more"
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			rule := record.Dates()
			if filepath.Base(path) == "OpenStack.log" {
				rule = record.Start(regexp.MustCompile(`^nova-\S+ \d{4}-`))
			}
			lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n"), "\n")
			for i := 99; i < len(lines); i += 100 {
				lines[i] += trace
			}
			copied := filepath.Join(t.TempDir(), "f")
			write(t, copied, strings.Join(lines, "\n")+"\n")
			if got := readOnce(t, Config{Paths: []string{copied}, Multiline: Multiline{Rule: rule}}).got(); !slices.Equal(got, lines) {
				t.Errorf("%d entries, want %d", len(got), len(lines))
			}
		})
	}
}

// TestLostWithinRecords loses batches, and with them streams, while entries of
// both outputs are open: what was acknowledged does not come again, and nothing
// is missing.
func TestLostWithinRecords(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 4))
	text, want := pieces(rnd, 3000, true)
	path := filepath.Join(t.TempDir(), "f")
	sink := newSinkhole()
	var calls, lost atomic.Int64
	sink.gate = func(context.Context, *batch.Batch) error {
		if calls.Add(1)%3 != 2 {
			return nil
		}
		lost.Add(1)
		return errLost
	}
	cfg := quick(Config{Paths: []string{path}, Format: record.CRI, Multiline: Multiline{Rule: starting.Rule, Timeout: time.Hour}, RotateWait: 50 * time.Millisecond})
	r := start(t, cfg, sink, nil)
	for len(text) > 0 {
		n := min(300, len(text))
		write(t, path, strings.Join(text[:n], ""))
		text = text[n:]
		was := calls.Load()
		wait(t, "something to be sent", func() bool { return calls.Load() > was })
	}
	os.Remove(path)
	total := len(want["stdout"]) + len(want["stderr"])
	wait(t, "all entries", func() bool { return sink.count() >= total })
	got := sink.byStream()
	for stream := range want {
		if !slices.Equal(got[stream], want[stream]) {
			t.Errorf("%s: got %d entries, want %d; log:\n%s", stream, len(got[stream]), len(want[stream]), r.log)
		}
	}
	if lost.Load() == 0 {
		t.Error("nothing was lost on the way")
	}
}

// TestCompleteOnlyIfNothingWasAdded: an entry that is to be closed because it was
// alone for long enough is not, if more was added meanwhile.
func TestCompleteOnlyIfNothingWasAdded(t *testing.T) {
	p := &plan{Config: Config{Multiline: starting}}
	p.setDefaults()
	w := newWorker(p, nil, nil)
	b := newSinkhole().NewBatch(filename("/x"))
	defer b.Settle(nil)
	f := &file{rest: 3, complete: true}
	w.rec.begin(f, b)
	s := &stretch{buf: []byte("S1\na\n"), to: 5}
	s.from = w.rec.lines(&w.codings[configured], s.buf, 0)
	if w.finish(f, &w.codings[configured], s); len(b.Entries) > 0 {
		t.Errorf("closed as %q", b.Entries[0].Line)
	}
	f.rest = 5
	if w.finish(f, &w.codings[configured], s); len(b.Entries) != 1 {
		t.Errorf("%d entries, want one", len(b.Entries))
	}
}

// TestPackedRecords: a compressed file of a container, and one that is damaged:
// what is held back at the damage is delivered.
func TestPackedRecords(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 6))
	text, want := pieces(rnd, 5000, true)
	packed := gzipOf(t, strings.Join(text, ""))
	cfg := Config{Format: record.CRI, Multiline: Multiline{Rule: starting.Rule, Timeout: time.Hour}}
	for name, data := range map[string][]byte{"whole": packed, "damaged": packed[:len(packed)/2]} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f.gz")
			write(t, path, string(data))
			cfg.Paths = []string{path}
			got := readOnce(t, cfg).byStream()
			for stream := range want {
				n := len(got[stream])
				if whole := n == len(want[stream]); n < 2 || whole != (name == "whole") {
					t.Fatalf("%s: %d entries of %d", stream, n, len(want[stream]))
				}
				// The last one may go on behind the damage.
				if last := got[stream][n-1]; !slices.Equal(got[stream][:n-1], want[stream][:n-1]) || !strings.HasPrefix(want[stream][n-1], last) {
					t.Errorf("%s: the entries differ", stream)
				}
			}
		})
	}
}

// TestHeldBackWhileBlocked: while every reader waits for a route, a file whose
// last entry is overdue is not looked at any more often for it.
func TestHeldBackWhileBlocked(t *testing.T) {
	f := &file{pending: true}
	s := &scanner{}
	if !s.lingers(f) {
		t.Error("an open entry has to be closed in time")
	}
	for name, f := range map[string]*file{
		"busy": {pending: true, busy: true}, "queued": {pending: true, queued: true}, "gone": {pending: true, gone: true},
		"retired": {pending: true, retired: true}, "in trouble": {pending: true, trouble: "x"}, "nothing open": {},
	} {
		if s.lingers(f) {
			t.Errorf("%s: wants to be looked at", name)
		}
	}
}
