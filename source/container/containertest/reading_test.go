package containertest_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/logferry/logferry/source/container/containertest"
)

// numbered starts a container that has written the numbers from 0 to n-1, one a
// second.
func numbered(t *testing.T, e *containertest.Engine, s containertest.Spec, n int) *containertest.Container {
	t.Helper()
	box := e.Create(s)
	must(t, box.Start())
	for i := range n {
		must(t, box.Print(strconv.Itoa(i)))
		time.Sleep(time.Second)
	}
	return box
}

// words joins what the frames of a response say.
func words(t *testing.T, s string) string {
	return strings.Join(strings.Fields(strings.Join(texts(demux(t, s)), " ")), " ")
}

func TestTailAndSince(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		start := e.Now()
		box := numbered(t, e, containertest.Spec{}, 6)
		at := func(d time.Duration) string { return start.Add(d).Format(time.RFC3339Nano) }
		for want, o := range map[string]container.LogsOptions{
			"0 1 2 3 4 5": {Tail: "all"},
			"4 5":         {Tail: "2"},
			"":            {Tail: "0"},
			"2 3 4 5":     {Since: at(2 * time.Second)}, // inclusive
			"3 4 5":       {Since: at(2*time.Second + 1)},
			"1 2":         {Since: at(time.Second), Until: at(2 * time.Second)},
			"5":           {Tail: "3", Since: at(5 * time.Second)},
		} {
			o.ShowStdout, o.Timestamps = true, true
			if got := words(t, logs(t, c, box.ID(), o)); got != want {
				t.Errorf("%+v: got %q, want %q", o, got, want)
			}
		}
	})
}

// Following ends at the first line after until, which an engine before 23.0 has to
// see twice: once in the past, and once after.
func TestFollowUntil(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		start := e.Now()
		box := numbered(t, e, containertest.Spec{}, 4)
		o := everything
		o.Follow, o.Until = true, start.Add(2*time.Second).Format(time.RFC3339Nano)
		body, err := c.ContainerLogs(t.Context(), box.ID(), o)
		must(t, err)
		defer body.Close()
		synctest.Wait()
		if follows := box.Follows(); (follows == 1) != strings.Contains(t.Name(), "20.10") {
			t.Errorf("%d follow", follows)
		}
		must(t, box.Print("4"))
		b, err := io.ReadAll(body)
		must(t, err)
		if got := words(t, string(b)); got != "0 1 2" {
			t.Errorf("got %q", got)
		}
	})
}

// Values are what the API takes them for.
func TestFlags(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		numbered(t, e, containertest.Spec{Name: "x", Tty: true}, 2)
		web := &http.Client{Transport: dialer(t, e)}
		for query, want := range map[string]string{
			"stdout=1&follow=false&timestamps=0&until=0": "0\r\n1\r\n", "stdout=TRUE&tail=1": "1\r\n", "stdout=no&stderr=true": "",
		} {
			r, err := web.Get("http://engine/v1.30/containers/x/logs?" + query)
			must(t, err)
			b, err := io.ReadAll(r.Body)
			must(t, err)
			r.Body.Close()
			if string(b) != want {
				t.Errorf("%s: got %q", query, b)
			}
		}
	})
}

// Once the clock was set back, engines before 23.0 still filter every line by its
// time, and those since only up to the first that is late enough.
func TestSinceAfterClockStep(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		start := e.Now()
		box := numbered(t, e, containertest.Spec{}, 3)
		e.StepClock(-time.Hour)
		must(t, box.Print("late"))
		want := "2 late"
		if strings.Contains(t.Name(), "20.10") {
			want = "2"
		}
		o := everything
		o.Since = start.Add(2 * time.Second).Format(time.RFC3339Nano)
		if got := words(t, logs(t, c, box.ID(), o)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// A log keeps whole files.
func TestRetention(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		// An entry has 72 bytes at least, and one more for each digit of its fraction.
		box := numbered(t, e, containertest.Spec{MaxSize: 200, MaxFiles: 2}, 10)
		var kept []string
		for _, l := range box.Retained() {
			kept = append(kept, string(l.Text))
		}
		if got := words(t, logs(t, c, box.ID(), everything)); got != strings.Join(kept, " ") || len(kept) < 4 || len(kept) > 6 ||
			kept[len(kept)-1] != "9" {
			t.Errorf("the engine has %q, and retains %q", got, kept)
		}
	})
}

// A line whose beginning was dropped is told from a whole one.
func TestTorn(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		box := e.Create(containertest.Spec{MaxSize: 10000, MaxFiles: 2})
		must(t, box.Start())
		must(t, box.Write(containertest.Stdout, []byte(strings.Repeat("a", 3*16384)+"\nx\n")))
		got := box.Retained()
		if len(got) != 2 || !got[0].Torn || len(got[0].Text) != 16384 || got[1].Torn || string(got[1].Text) != "x" {
			t.Errorf("retained: %d lines, %+v", len(got), short(fmt.Sprintf("%+v", got)))
		}
	})
}

// follow is a log that is followed by a client which reads when it is told to.
type follow struct {
	t    *testing.T
	body io.ReadCloser
}

func following(t *testing.T, e *containertest.Engine, id, tail string) *follow {
	t.Helper()
	o := everything
	o.Follow, o.Tail = true, tail
	body, err := connect(t, e).ContainerLogs(t.Context(), id, o)
	must(t, err)
	t.Cleanup(func() { body.Close() })
	return &follow{t: t, body: body}
}

// read reads n frames.
func (f *follow) read(n int) string {
	f.t.Helper()
	var list []frame
	for range n {
		header := make([]byte, 8)
		_, err := io.ReadFull(f.body, header)
		must(f.t, err)
		text := make([]byte, binary.BigEndian.Uint32(header[4:]))
		_, err = io.ReadFull(f.body, text)
		must(f.t, err)
		list = append(list, demux(f.t, string(header)+string(text))...)
	}
	return strings.Join(strings.Fields(strings.Join(texts(list), " ")), " ")
}

// tell reads what comes, frame by frame, until the stream ends.
func (f *follow) tell(texts chan<- string) {
	defer close(texts)
	for {
		header := make([]byte, 8)
		if _, err := io.ReadFull(f.body, header); err != nil {
			return
		}
		text := make([]byte, binary.BigEndian.Uint32(header[4:]))
		if _, err := io.ReadFull(f.body, text); err != nil {
			return
		}
		_, line, _ := strings.Cut(string(text), " ")
		texts <- line
	}
}

// rest reads what comes until the stream ends, and how it ends.
func (f *follow) rest() (string, error) {
	b, err := io.ReadAll(f.body)
	return words(f.t, string(b)), err
}

func TestFollow(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		box := numbered(t, e, containertest.Spec{}, 3)
		f := following(t, e, box.ID(), "1")
		must(t, box.Print("3"))
		if got := f.read(2); got != "2 3" {
			t.Errorf("got %q", got)
		}
		must(t, box.Print("4"))
		must(t, box.Restart())
		must(t, box.Print("5"))
		if got, err := f.rest(); got != "4" || err != nil {
			t.Errorf("after a restart: %q, %v", got, err)
		}
	})
}

// What ends the following of a log, and how.
func TestFollowEnds(t *testing.T) {
	tests := []struct {
		name  string
		end   func(*containertest.Engine, *containertest.Container) error
		clean bool
	}{
		{"stop", func(_ *containertest.Engine, c *containertest.Container) error { return c.Stop() }, true},
		{"kill", func(_ *containertest.Engine, c *containertest.Container) error { return c.Kill() }, true},
		{"exit", func(_ *containertest.Engine, c *containertest.Container) error { return c.Exit(1) }, true},
		{"restart", func(_ *containertest.Engine, c *containertest.Container) error { return c.Restart() }, true},
		{"remove", func(_ *containertest.Engine, c *containertest.Container) error { return c.Remove() }, true},
		{"engine", func(e *containertest.Engine, _ *containertest.Container) error { e.Down(false); return nil }, true},
		{"engine, live-restore", func(e *containertest.Engine, _ *containertest.Container) error { e.Down(true); return nil }, false},
	}
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		for _, test := range tests {
			box := numbered(t, e, containertest.Spec{}, 2)
			f := following(t, e, box.ID(), "all")
			must(t, box.Pause())
			must(t, box.Unpause())
			must(t, box.Write(containertest.Stdout, []byte("end")))
			synctest.Wait()
			must(t, test.end(e, box))
			e.Up()
			want := "0 1 end"
			if !test.clean {
				want = "0 1"
			}
			if got, err := f.rest(); got != want || (err == nil) != test.clean {
				t.Errorf("%s: got %q, %v", test.name, got, err)
			}
			synctest.Wait() // the client is told before the engine has forgotten it
			if box.Follows() != 0 || box.MaxFollows() != 1 {
				t.Errorf("%s: %d follow, %d did", test.name, box.Follows(), box.MaxFollows())
			}
		}
	})
}

func TestFollowOfWhatDoesNotRun(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		box := e.Create(containertest.Spec{})
		if got, err := following(t, e, box.ID(), "all").rest(); got != "" || err != nil {
			t.Errorf("created: %q, %v", got, err)
		}
		must(t, box.Start())
		must(t, box.Print("x"))
		must(t, box.Exit(0))
		if got, err := following(t, e, box.ID(), "all").rest(); got != "x" || err != nil {
			t.Errorf("exited: %q, %v", got, err)
		}
	})
}

// A client that stalls is overtaken by rotations: what it gets then has a gap,
// without an error. Reading again finds everything that is retained.
func TestOverrun(t *testing.T) {
	both(t, containertest.Config{ReadAhead: 4, Buffer: 512}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		box := e.Create(containertest.Spec{MaxSize: 1000, MaxFiles: 50})
		must(t, box.Start())
		f := following(t, e, box.ID(), "all")
		synctest.Wait()
		const n = 400
		for i := range n {
			must(t, box.Print(strconv.Itoa(i)))
		}
		synctest.Wait()
		must(t, box.Exit(0))
		got, err := f.rest()
		must(t, err)
		list := strings.Fields(got)
		if len(list) < 20 || len(list) > n/2 || list[len(list)-1] != strconv.Itoa(n-1) {
			t.Errorf("the stalled client got %d lines: %q", len(list), got)
		}
		if all := strings.Fields(words(t, logs(t, c, box.ID(), everything))); len(all) != n || len(box.Retained()) != n {
			t.Errorf("reading again gets %d lines, of %d that are retained", len(all), len(box.Retained()))
		}
	})
}

// An engine before 23.0 that is still sending the past does not notice a rotation,
// and says nothing of the new file until the one after.
func TestRotationWhileReadingThePast(t *testing.T) {
	both(t, containertest.Config{ReadAhead: 2, Buffer: 512}, func(t *testing.T, e *containertest.Engine) {
		box := e.Create(containertest.Spec{MaxSize: 20000, MaxFiles: 9})
		must(t, box.Start())
		print := func(text string, n int) {
			for range n {
				must(t, box.Print(text))
			}
		}
		fill := strings.Repeat("x", 100)
		print(fill, 100)
		f := following(t, e, box.ID(), "all")
		synctest.Wait()
		print(fill, 100) // the first file is full after 120 lines or so
		print("second", 1)
		heard := make(chan string, 1000)
		go f.tell(heard)
		synctest.Wait()
		before := len(heard)
		print(fill, 200) // and the second one
		print("third", 1)
		must(t, box.Exit(0))
		var got []string
		for text := range heard {
			got = append(got, text)
		}
		deaf := strings.Contains(t.Name(), "20.10")
		if slices.Contains(got[:before], "second\n") == deaf || slices.Contains(got, "second\n") == deaf || !slices.Contains(got, "third\n") {
			t.Errorf("%d lines came before the second rotation, %d after", before, len(got)-before)
		}
	})
}

// An engine before 23.0 repeats lines at rotations, those since do not.
func TestRotationWhileFollowing(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		box := e.Create(containertest.Spec{MaxSize: 1000, MaxFiles: 3})
		must(t, box.Start())
		f := following(t, e, box.ID(), "all")
		var want []string
		for i := range 100 {
			want = append(want, strconv.Itoa(i))
			must(t, box.Print(strconv.Itoa(i)))
			synctest.Wait()
		}
		must(t, box.Exit(0))
		got, err := f.rest()
		must(t, err)
		list := strings.Fields(got)
		if strings.Contains(t.Name(), "26") != slices.Equal(list, want) {
			t.Errorf("got %q", got)
		}
		if len(list) < 100 || len(list) > 110 || !slices.Equal(slices.Compact(list), want) {
			t.Errorf("got %d lines, more than repeated ones: %q", len(list), got)
		}
	})
}

// Compressed files that end before since are left out; by an engine before 23.0
// with all rotated files that follow.
func TestCompressedSince(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		start := e.Now()
		box := numbered(t, e, containertest.Spec{MaxSize: 200, MaxFiles: 9, Compress: true}, 9)
		o := everything
		o.Since = start.Add(4 * time.Second).Format(time.RFC3339Nano)
		got := words(t, logs(t, c, box.ID(), o))
		if strings.Contains(t.Name(), "26") != (got == "4 5 6 7 8") || !strings.HasSuffix(got, "8") {
			t.Errorf("got %q", got)
		}
	})
}
