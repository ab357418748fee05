package container

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A jsonLog writes the log of a container as the engine's json-file driver does
// (daemon/logger/loggerutils/logfile.go of github.com/moby/moby). It is used by
// one goroutine.
type jsonLog struct {
	testing.TB
	id       string
	path     string
	maxSize  int // 0: it is not rotated
	maxFile  int
	compress bool

	f    *os.File
	size int
	at   time.Time
	// want are the entries that come of it, as "stream text". A line that goes on
	// in another file is two.
	want []string
	n    int // lines
}

// newID returns an id that no other container has.
func newID(n int) string { return fmt.Sprintf("%064x", 0xfeed0000+n) }

// newJSONLog makes the folder of a container below root, and its log.
func newJSONLog(t testing.TB, root string, n int) *jsonLog {
	t.Helper()
	l := &jsonLog{TB: t, id: newID(n), maxFile: 1, at: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC).Add(time.Duration(n) * time.Hour)}
	l.path = filepath.Join(root, l.id, l.id+jsonSuffix)
	l.must(os.MkdirAll(filepath.Dir(l.path), 0o710))
	l.open()
	t.Cleanup(func() { l.f.Close() })
	return l
}

func (l *jsonLog) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func (l *jsonLog) open() {
	var err error
	l.f, err = os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o640)
	l.must(err)
	l.size = 0
}

// details are what the engine tells of the container.
func (l *jsonLog) details() *details {
	d := &details{driver: jsonDriver, logPath: "/var/lib/docker/containers/" + l.id + "/" + l.id + jsonSuffix}
	d.id, d.name, d.state = l.id, "c-"+l.id[60:], "running"
	return d
}

// line writes a line, in pieces if it is long.
func (l *jsonLog) line(out, text string) {
	l.Helper()
	l.n++
	l.want = append(l.want, out+" ")
	l.at = l.at.Add(time.Microsecond)
	for len(text) > pieceSize {
		l.piece(out, text[:pieceSize])
		text = text[pieceSize:]
	}
	if len(text) == pieceSize {
		l.piece(out, text) // the line end comes alone
		text = ""
	}
	l.piece(out, text+"\n")
}

// piece writes one object, and rotates before it if the file is full.
func (l *jsonLog) piece(out, text string) {
	l.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	l.must(enc.Encode(map[string]string{"log": text, "stream": out, "time": l.at.Format(time.RFC3339Nano)}))
	last := len(l.want) - 1
	if l.maxSize > 0 && l.size >= l.maxSize {
		if l.rotate(); !strings.HasSuffix(l.want[last], " ") {
			l.want = append(l.want, out+" ")
			last++
		}
	}
	l.want[last] += strings.TrimSuffix(text, "\n")
	n, err := l.f.Write(b.Bytes())
	l.must(err)
	l.size += n
}

func (l *jsonLog) rotate() {
	l.Helper()
	l.must(l.f.Close())
	suffix := ""
	if l.compress {
		suffix = ".gz"
	}
	name := func(i int, suffix string) string { return fmt.Sprintf("%s.%d%s", l.path, i, suffix) }
	if l.maxFile > 1 {
		os.Remove(name(l.maxFile-1, suffix))
		for i := l.maxFile - 1; i > 1; i-- {
			os.Rename(name(i-1, suffix), name(i, suffix))
		}
		l.must(os.Rename(l.path, name(1, "")))
	}
	l.open()
	if l.compress {
		l.pack(name(1, ""))
	}
}

// pack compresses the file at path, with the time of its last line in the header.
func (l *jsonLog) pack(path string) {
	l.Helper()
	data, err := os.ReadFile(path)
	l.must(err)
	f, err := os.OpenFile(path+".gz", os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o640)
	l.must(err)
	z := gzip.NewWriter(f)
	z.Header.Extra = []byte(`{"lastTime":"` + l.at.Format(time.RFC3339Nano) + `"}`)
	_, err = z.Write(data)
	l.must(errors.Join(err, z.Close(), f.Close(), os.Remove(path)))
}

// remove does what the engine does when it removes the container.
func (l *jsonLog) remove() {
	l.Helper()
	l.must(os.RemoveAll(filepath.Dir(l.path)))
}

// lines writes n numbered lines, most of them to stdout.
func (l *jsonLog) lines(n int) {
	l.Helper()
	for range n {
		i := l.n
		text := fmt.Sprintf("%s %06d", l.id[60:], i)
		switch {
		case i%97 == 13:
			size := []int{pieceSize, pieceSize + 1, 2 * pieceSize, 40_000}[i%4]
			text = strings.Repeat(text+" ", size)[:size-1] + "."
		case i%11 == 0:
			text += ` <&> "\` + "\t\u2028é"
		}
		out := "stdout"
		if i%5 == 0 {
			out = "stderr"
		}
		l.line(out, text)
	}
}
