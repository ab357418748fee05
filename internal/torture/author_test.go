package torture

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Every line is of the same length, so that a position in a file is a number of lines.
const (
	lineLen  = 100
	lineForm = "%010[1]d level=info msg=\"one of very many that were written\" status=200 bytes=1 number=%010[1]d\n"
)

// lingering is how long a file is written to after it was renamed.
const lingering = 100 * time.Millisecond

// rate is how many lines are written in a second.
const rate = 20_000

// parseLine returns the number of a line.
func parseLine(line []byte) (int, bool) {
	if len(line) != lineLen-1 {
		return 0, false
	}
	n, err := strconv.Atoi(string(line[:10]))
	return n, err == nil && n >= 0 && string(line)+"\n" == fmt.Sprintf(lineForm, n)
}

// A generation is what a file holds from its beginning to its truncation or end.
type generation struct {
	first int    // how many lines there were before it
	head  []byte // its first bytes
	lines []int  // the numbers of its lines
	story []string
}

// An author writes numbered lines to a log and rotates it.
type author struct {
	t    *testing.T
	path string
	rnd  *rand.Rand
	// delivered reports whether all of a generation was: then it may be deleted.
	delivered func(g *generation) bool
	// packs reports whether a file that was just renamed is to be compressed; nil: never.
	packs func(g *generation) bool

	n       int // lines written
	f       *os.File
	past    []*generation // all of them, the present one last
	late    []straggler
	names   int // the largest of path.1, path.2 and so on, compressed or not
	written time.Time
	rotated int
}

// A straggler is a file that was renamed and is still written to.
type straggler struct {
	f     *os.File
	g     *generation
	until time.Time
}

func (a *author) now() *generation { return a.past[len(a.past)-1] }

func (a *author) tell(format string, args ...any) {
	g := a.now()
	g.story = append(g.story, time.Now().Format("05.000 ")+fmt.Sprintf(format, args...))
}

func (a *author) open() {
	a.t.Helper()
	f, err := os.OpenFile(a.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		a.t.Fatal(err)
	}
	a.f = f
	a.next()
}

func (a *author) next() {
	a.past = append(a.past, &generation{first: a.n})
	a.tell("begun with line %d", a.n)
}

func (a *author) close() {
	for _, s := range a.late {
		s.f.Close()
	}
	a.late = nil
	a.f.Close()
}

// write writes what is due since the last call, at most a tenth of a second's.
func (a *author) write() {
	now := time.Now()
	k := int(min(now.Sub(a.written), 100*time.Millisecond).Seconds() * rate)
	if k == 0 {
		return
	}
	a.written = now
	late := a.late[:0]
	for _, s := range a.late {
		if now.After(s.until) {
			s.f.Close()
			continue
		}
		a.lines(s.f, s.g, 1+k/4)
		late = append(late, s)
	}
	a.late = late
	a.lines(a.f, a.now(), k)
}

func (a *author) lines(f *os.File, g *generation, k int) {
	var b []byte
	for range k {
		b = fmt.Appendf(b, lineForm, a.n)
		g.lines = append(g.lines, a.n)
		a.n++
	}
	if n := 1<<10 - len(g.head); n > 0 {
		g.head = append(g.head, b[:min(n, len(b))]...)
	}
	// In two pieces: a part of a line is seen now and then.
	cut := a.rnd.IntN(len(b))
	for _, piece := range [][]byte{b[:cut], b[cut:]} {
		if _, err := f.Write(piece); err != nil {
			a.t.Fatal(err)
		}
	}
}

// rotate does it in a random way.
func (a *author) rotate() {
	if len(a.now().lines) == 0 {
		a.lines(a.f, a.now(), 1)
	}
	a.rotated++
	if a.rnd.IntN(4) == 0 && a.delivered(a.now()) {
		a.tell("deleted behind line %d", a.n)
		a.f.Close()
		os.Remove(a.path)
		a.open()
		return
	}
	a.shift()
	switch a.rnd.IntN(3) {
	case 0:
		a.tell("renamed behind line %d", a.n)
		a.f.Close()
		a.rename()
		old := a.now()
		a.open()
		a.pack(old)
	case 1:
		a.tell("renamed behind line %d, and written on", a.n)
		a.late = append(a.late, straggler{a.f, a.now(), time.Now().Add(lingering)})
		a.rename()
		a.open()
	case 2:
		a.tell("copied and truncated behind line %d", a.n)
		a.copy()
		if err := os.Truncate(a.path, 0); err != nil {
			a.t.Fatal(err)
		}
		a.next()
	}
}

func (a *author) rename() {
	if err := os.Rename(a.path, a.path+".1"); err != nil {
		a.t.Fatal(err)
	}
}

// shift renames path.1 to path.2 and so on. When there are many the oldest is deleted, if it was delivered.
func (a *author) shift() {
	oldest := fmt.Sprintf("%s.%d", a.path, a.names)
	if _, err := os.Stat(oldest); err != nil {
		oldest += ".gz"
	}
	if a.names > 20 && a.delivered(a.held(oldest)) {
		os.Remove(oldest)
		a.names--
	}
	for i := a.names; i > 0; i-- {
		for _, suffix := range []string{"", ".gz"} {
			os.Rename(fmt.Sprintf("%s.%d%s", a.path, i, suffix), fmt.Sprintf("%s.%d%s", a.path, i+1, suffix))
		}
	}
	a.names++
}

// pack puts a compressed file in the place of path.1, which holds g.
func (a *author) pack(g *generation) {
	a.t.Helper()
	if a.packs == nil || !a.packs(g) {
		return
	}
	a.tell("compressed what lies before")
	data, err := os.ReadFile(a.path + ".1")
	if err != nil {
		a.t.Fatal(err)
	}
	f, err := os.Create(a.path + ".1.gz")
	if err != nil {
		a.t.Fatal(err)
	}
	z, _ := gzip.NewWriterLevel(f, gzip.BestSpeed)
	_, err = z.Write(data)
	if err := errors.Join(err, z.Close(), f.Close(), os.Remove(a.path+".1")); err != nil {
		a.t.Fatal(err)
	}
}

// held returns the generation that the file at path holds.
func (a *author) held(path string) *generation {
	a.t.Helper()
	f, err := os.Open(path)
	if err != nil {
		a.t.Fatal(err)
	}
	defer f.Close()
	var content io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if content, err = gzip.NewReader(f); err != nil {
			a.t.Fatal(err)
		}
	}
	var line [lineLen]byte
	if _, err := io.ReadFull(content, line[:]); err != nil {
		a.t.Fatal(err)
	}
	for _, g := range a.past {
		if strings.HasPrefix(string(g.head), string(line[:])) {
			return g
		}
	}
	a.t.Fatalf("%s holds nobody's lines", path)
	return nil
}

func (a *author) copy() {
	data, err := os.ReadFile(a.path)
	if err == nil {
		err = os.WriteFile(a.path+".1", data, 0o644)
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

// play writes for d and rotates every 50 to 200 ms, for the first time after first.
func (a *author) play(first, d time.Duration) {
	begin := time.Now()
	for due := first; ; {
		since := time.Since(begin)
		if since >= d {
			return
		}
		a.write()
		if since >= due {
			a.rotate()
			due = since + time.Duration(50+a.rnd.IntN(150))*time.Millisecond
		}
		time.Sleep(time.Millisecond)
	}
}

// folderOf lists the folder of path, for whoever looks into a failure.
func folderOf(path string) (list []string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	for _, e := range entries {
		info, infoErr := e.Info()
		if err = errors.Join(err, infoErr); infoErr == nil {
			list = append(list, fmt.Sprintf("%s %d", e.Name(), info.Size()))
		}
	}
	if err != nil {
		list = append(list, err.Error())
	}
	return list
}
