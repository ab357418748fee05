package tail

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A rotator writes numbered lines and rotates its file. It is used by one
// goroutine, that of its test.
type rotator struct {
	t    testing.TB
	path string
	f    *os.File
	rate int // lines per second; 0: as fast as it can
	n    int // lines written
	// await, if set, waits until line n has arrived.
	await func(n int)
	// hold, if set, keeps the reader waiting until what it returns is called.
	hold func() (release func())

	file   int   // the number of the present file, from 1
	begun  []int // the first line of each file
	late   []straggler
	ids    map[identity]bool // of all files so far
	reused int               // files that got the number of an earlier one
	buf    *bufio.Writer
}

// A straggler is a file that was rotated away and is still written to.
type straggler struct {
	f     *os.File
	file  int
	until time.Time
}

// lingering is how long a file is written to after it was renamed.
const lingering = 100 * time.Millisecond

// open begins a file at path, or goes on with the one that is there.
func (w *rotator) open() { w.openAt(w.path) }

func (w *rotator) openAt(path string) {
	w.t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		w.t.Fatal(err)
	}
	st, err := statFile(f)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.ids == nil {
		w.ids = map[identity]bool{}
	}
	if w.ids[st.id] {
		w.reused++
	}
	w.ids[st.id] = true
	w.f = f
	w.next()
}

// next begins to count the lines of another file.
func (w *rotator) next() {
	w.begun = append(w.begun, w.n)
	w.file++
}

// lines writes k lines to f, which is the present file.
func (w *rotator) lines(f *os.File, k int) { w.write(f, w.file, k) }

// write writes k lines. Those who read see lines of which only a part is there.
func (w *rotator) write(f *os.File, file, k int) {
	if w.buf == nil {
		w.buf = bufio.NewWriterSize(nil, 512)
	}
	w.buf.Reset(f)
	line := fmt.Appendf(nil, numbered, 0, file)
	for range k {
		for i, n := 14, w.n; n > 0; i, n = i-1, n/10 {
			line[i] = '0' + byte(n%10)
		}
		w.buf.Write(line)
		w.n++
	}
	if err := w.buf.Flush(); err != nil {
		w.t.Fatal(err)
	}
}

// work writes for d, at the rate that is set.
func (w *rotator) work(d time.Duration) {
	begin, done := time.Now(), 0
	for {
		since := time.Since(begin)
		k := 200
		if w.rate > 0 {
			k = int(since.Seconds()*float64(w.rate)) - done
		}
		w.both(k)
		done += k
		if since >= d {
			return
		}
		if w.rate > 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// both writes to the present file and to those that linger, in turns.
func (w *rotator) both(k int) {
	late := w.late[:0]
	for _, s := range w.late {
		if time.Now().After(s.until) {
			s.f.Close()
			continue
		}
		w.write(s.f, s.file, k/4)
		late = append(late, s)
	}
	w.late = late
	w.write(w.f, w.file, k-len(late)*(k/4))
}

func (w *rotator) close() {
	for _, s := range w.late {
		s.f.Close()
	}
	w.f.Close()
}

// shift renames path.1 to path.2 and so on, as logrotate does. All are kept.
func (w *rotator) shift() { w.shiftNamed("") }

func (w *rotator) shiftNamed(suffix string) {
	for i := w.file; i > 0; i-- {
		os.Rename(fmt.Sprintf("%s.%d%s", w.path, i, suffix), fmt.Sprintf("%s.%d%s", w.path, i+1, suffix))
	}
}

// seen waits until the present file has been noticed: what is deleted before
// that is lost, as the contract says.
func (w *rotator) seen() {
	if w.await == nil {
		return
	}
	first := w.begun[w.file-1]
	if w.n == first {
		w.lines(w.f, 1)
	}
	w.await(first)
}

// rotations are the ways a log is rotated.
var rotations = map[string]func(w *rotator){
	"rename": func(w *rotator) {
		w.shift()
		w.f.Close()
		os.Rename(w.path, w.path+".1")
		w.open()
	},
	"rename, writer lingers": func(w *rotator) {
		w.shift()
		os.Rename(w.path, w.path+".1")
		w.late = append(w.late, straggler{w.f, w.file, time.Now().Add(lingering)})
		w.open()
		w.both(200)
	},
	"rename, gap": func(w *rotator) {
		w.shift()
		w.f.Close()
		os.Rename(w.path, w.path+".1")
		time.Sleep(5 * time.Millisecond)
		w.open()
	},
	"copytruncate": func(w *rotator) {
		w.shift()
		copyFile(w.t, w.path, w.path+".1")
		if err := os.Truncate(w.path, 0); err != nil {
			w.t.Fatal(err)
		}
		w.next()
	},
	"delete, recreate": func(w *rotator) {
		w.seen()
		w.f.Close()
		os.Remove(w.path)
		w.open()
	},
}

// swap has the link at path lead to a new file.
func swap(w *rotator) {
	if w.f != nil {
		w.seen()
		w.f.Close()
	}
	name := fmt.Sprintf("app.%d.log", w.file)
	w.openAt(filepath.Join(filepath.Dir(w.path), name))
	os.Symlink(name, w.path+"~")
	if err := os.Rename(w.path+"~", w.path); err != nil {
		w.t.Fatal(err)
	}
}

// copiedWhileBlocked rotates and writes on while the reader waits.
func copiedWhileBlocked(w *rotator) {
	release := w.hold()
	w.work(10 * time.Millisecond) // so that the reader has more to wait with
	rotations["copytruncate"](w)
	w.work(50 * time.Millisecond)
	release()
}

// compress renames, and then puts a compressed file in the place of the old one.
func compress(w *rotator) {
	w.shiftNamed(".gz")
	w.f.Close()
	old := w.path + ".1"
	os.Rename(w.path, old)
	w.open()
	data, err := os.ReadFile(old)
	if err != nil {
		w.t.Fatal(err)
	}
	f, err := os.Create(old + ".gz")
	if err != nil {
		w.t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	z.Write(data)
	if err := errors.Join(z.Close(), f.Close(), os.Remove(old)); err != nil {
		w.t.Fatal(err)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	src, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	if _, err := io.Copy(dst, src); err != nil {
		t.Fatal(err)
	}
}
