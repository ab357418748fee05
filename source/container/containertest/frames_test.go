package containertest_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/logferry/logferry/source/container/containertest"
)

// A frame is a message as a client reads it.
type frame struct {
	out  containertest.Output
	time time.Time
	text string
}

// demux reads the frames of a response with headers and times.
func demux(t *testing.T, s string) (list []frame) {
	t.Helper()
	for s != "" {
		if len(s) < 8 {
			t.Fatalf("%d bytes are left of a header", len(s))
		}
		n := binary.BigEndian.Uint32([]byte(s[4:8]))
		if s[1:4] != "\x00\x00\x00" || len(s) < 8+int(n) {
			t.Fatalf("header %q, %d bytes follow", s[:8], len(s)-8)
		}
		stamp, text, _ := strings.Cut(s[8:8+n], " ")
		at, err := time.Parse(time.RFC3339Nano, stamp)
		must(t, err)
		list = append(list, frame{containertest.Output(s[0]), at, text})
		s = s[8+n:]
	}
	return list
}

func texts(list []frame) (texts []string) {
	for _, f := range list {
		texts = append(texts, f.text)
	}
	return texts
}

// everything asks for all there is.
var everything = container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true}

// short writes long runs of one letter as its number.
func short(text string) string {
	var b strings.Builder
	for text != "" {
		run := 1
		for run < len(text) && text[run] == text[0] {
			run++
		}
		if run > 9 {
			fmt.Fprintf(&b, "%c*%d", text[0], run)
		} else {
			b.WriteString(text[:run])
		}
		text = text[run:]
	}
	return b.String()
}

func TestPieces(t *testing.T) {
	const piece = 16384
	tests := []struct {
		name, write string
		json, local []string // frames; local's of 20.10 are without the last newline of a line in pieces
	}{
		{"lines", "x\n\nyz\n", []string{"x\n", "\n", "yz\n"}, nil},
		{"just short enough", strings.Repeat("a", piece-1) + "\n", []string{"a*16383\n"}, nil},
		{"exact", strings.Repeat("a", piece) + "\nx\n", []string{"a*16384", "\n", "x\n"}, []string{"a*16384", "", "x\n"}},
		{"long", strings.Repeat("a", piece) + strings.Repeat("b", piece) + "cc\nx\n",
			[]string{"a*16384", "b*16384", "cc\n", "x\n"}, []string{"a*16384", "b*16384", "cc", "x\n"}},
		{"unfinished", "x\nyz", []string{"x\n", "yz"}, nil},
		{"unfinished long", strings.Repeat("a", piece) + "x", []string{"a*16384", "x"}, nil},
		{"unfinished exact", strings.Repeat("a", piece), []string{"a*16384"}, nil},
	}
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		for _, test := range tests {
			for _, driver := range []string{"json-file", "local", "syslog"} {
				box := e.Create(containertest.Spec{Driver: driver})
				must(t, box.Start())
				must(t, box.Write(containertest.Stderr, []byte(test.write)))
				must(t, box.Exit(0))
				got := demux(t, logs(t, c, box.ID(), everything))
				want := test.json
				if driver != "json-file" && strings.Contains(t.Name(), "20.10") && test.local != nil {
					want = test.local
				}
				var have []string
				for _, f := range got {
					if f.out != containertest.Stderr || f.time.IsZero() {
						t.Errorf("%s, %s: a frame of %v at %v", test.name, driver, f.out, f.time)
					}
					have = append(have, short(f.text))
				}
				if !slices.Equal(have, want) {
					t.Errorf("%s, %s: got %q, want %q", test.name, driver, have, want)
				}
			}
		}
	})
}

// An empty last piece is a frame only with its time.
func TestEmptyPiece(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		box := e.Create(containertest.Spec{Driver: "local"})
		must(t, box.Start())
		must(t, box.Print(strings.Repeat("a", 16384)))
		want := 8 + 16384
		if strings.Contains(t.Name(), "26") {
			want += 9
		}
		if got := logs(t, connect(t, e), box.ID(), container.LogsOptions{ShowStdout: true}); len(got) != want {
			t.Errorf("%d bytes came, want %d", len(got), want)
		}
	})
}

// Pieces bear the time of the first, in whatever order the outputs are written.
func TestPieceTimes(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		box := e.Create(containertest.Spec{})
		must(t, box.Start())
		must(t, box.Write(containertest.Stdout, []byte(strings.Repeat("a", 20000))))
		time.Sleep(time.Second)
		must(t, box.Write(containertest.Stderr, []byte("x\n")))
		must(t, box.Write(containertest.Stdout, []byte("\n")))
		got := demux(t, logs(t, c, box.ID(), everything))
		if len(got) != 3 || !got[0].time.Equal(got[2].time) || got[1].time.Sub(got[0].time) < time.Second {
			t.Errorf("got frames at %v", got)
		}
		lines := box.Retained()
		if len(lines) != 2 || string(lines[0].Text) != "x" || len(lines[1].Text) != 20000 || !lines[1].Time.Equal(got[0].time) {
			t.Errorf("retained: %v", lines)
		}
	})
}

func TestTerminal(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		box := e.Create(containertest.Spec{Tty: true})
		must(t, box.Start())
		must(t, box.Write(containertest.Stderr, []byte("x\n"+strings.Repeat("a", 16390)+"\n")))
		stamp := e.Now().Format("2006-01-02T15:04:05.000000000Z07:00")
		next := e.Now().Add(1).Format("2006-01-02T15:04:05.000000000Z07:00")
		want := stamp + " x\r\n" + next + " " + strings.Repeat("a", 16384) + next + " aaaaaa\r\n"
		if got := logs(t, c, box.ID(), everything); got != want {
			t.Errorf("got %q, want %q", short(got), short(want))
		}
		plain := container.LogsOptions{ShowStdout: true}
		if got := logs(t, c, box.ID(), plain); got != "x\r\n"+strings.Repeat("a", 16390)+"\r\n" {
			t.Errorf("without times: %q", short(got))
		}
		if got := logs(t, c, box.ID(), container.LogsOptions{ShowStderr: true}); got != "" {
			t.Errorf("stderr: %q", got)
		}
	})
}

// What is not UTF-8 does not survive json-file, nor does a character that is cut in
// two by a piece: then even the length is another.
func TestNotUTF8(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		line := "\xff\xfe\x00\x1b[0m " + strings.Repeat("é", 10000) // 8 bytes, and 8188 characters of two up to the cut
		odd := "a" + strings.Repeat("é", 10000)                     // cut within a character
		for _, driver := range []string{"json-file", "local"} {
			box := e.Create(containertest.Spec{Driver: driver})
			must(t, box.Start())
			must(t, box.Write(containertest.Stdout, []byte(line+"\n"+odd+"\n")))
			got := texts(demux(t, logs(t, c, box.ID(), everything)))
			want := []string{line[:16384], line[16384:], odd[:16384], odd[16384:]}
			if driver == "json-file" {
				for i := range want {
					want[i] = replace(want[i])
				}
			}
			for i := range want {
				if got := strings.TrimSuffix(got[i], "\n"); got != want[i] {
					t.Errorf("%s: piece %d is %.20q… of %d bytes, want %.20q… of %d", driver, i, got, len(got), want[i], len(want[i]))
				}
			}
		}
	})
}

// replace puts U+FFFD for each byte that is not part of a character.
func replace(s string) string {
	var b strings.Builder
	for _, r := range s { // which gives each such byte as that
		b.WriteRune(r)
	}
	return b.String()
}

// An engine before 23.0 gives the times of local in its own zone.
func TestZone(t *testing.T) {
	both(t, containertest.Config{Zone: time.FixedZone("", -3*3600)}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		for driver, want := range map[string]string{"json-file": "Z x\n", "local": "-03:00 x\n"} {
			box := e.Create(containertest.Spec{Driver: driver})
			must(t, box.Start())
			must(t, box.Print("x"))
			if strings.Contains(t.Name(), "26") {
				want = "Z x\n"
			}
			if got := logs(t, c, box.ID(), everything); !strings.HasSuffix(got, want) {
				t.Errorf("%s: got %q, want %q in the end", driver, got, want)
			}
		}
	})
}
