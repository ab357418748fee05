package container

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/logferry/logferry/source/record"
)

const clockForm = "2006-01-02T15:04:05.000000000Z07:00"

// A message is what an engine is told to send.
type message struct {
	out  record.Stream
	time int64
	data string
}

// header frames messages as an engine does where there is no terminal.
func header(all ...message) []byte {
	var b []byte
	for _, m := range all {
		text := time.Unix(0, m.time).UTC().Format(clockForm) + " " + m.data
		b = append(b, byte(m.out), 0, 0, 0)
		b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	return b
}

// bare is what an engine sends where there is a terminal.
func bare(all ...message) []byte {
	var b []byte
	for _, m := range all {
		b = append(b, time.Unix(0, m.time).UTC().Format(clockForm)+" "+m.data...)
	}
	return b
}

// read takes all messages out of r.
func read(r io.Reader, tty bool) (all []message, err error) {
	fr := newFramer(r, tty)
	keep := func(f frame) { all = append(all, message{f.out, f.time, string(f.data)}) }
	for {
		for {
			f, ok, err := fr.next()
			if err != nil {
				return all, err
			}
			if !ok {
				break
			}
			keep(f)
		}
		if err := fr.fill(); err == io.EOF {
			for f, ok := fr.rest(); ok; f, ok = fr.rest() {
				keep(f)
			}
			return all, nil
		} else if err != nil {
			return all, err
		}
	}
}

func checkRead(t *testing.T, body []byte, tty bool, want []message) {
	t.Helper()
	for name, r := range map[string]io.Reader{
		"at once":       bytes.NewReader(body),
		"byte by byte":  iotest.OneByteReader(bytes.NewReader(body)),
		"half by half":  iotest.HalfReader(bytes.NewReader(body)),
		"with its end":  iotest.DataErrReader(bytes.NewReader(body)),
		"in odd pieces": &oddReader{r: bytes.NewReader(body)},
	} {
		got, err := read(r, tty)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %d messages, want %d, error %v\n%.300v\n%.300v", name, len(got), len(want), err, got, want)
		}
	}
}

type oddReader struct {
	r io.Reader
	n int
}

func (o *oddReader) Read(p []byte) (int, error) {
	o.n++
	return o.r.Read(p[:min(len(p), o.n%37+1)])
}

func TestMuxed(t *testing.T) {
	t0 := time.Date(2025, 11, 2, 3, 4, 5, 678, time.UTC).UnixNano()
	want := []message{
		{record.Stdout, t0, "a line\n"},
		{record.Stderr, t0 + 1, ""},
		{record.Stdout, t0 + int64(time.Hour), strings.Repeat("x", pieceSize)},
		{record.Stdout, t0, "back in time\n"},
		{record.Stderr, t0 - int64(3*time.Second), "NUL \x00 and \xff and \x1b[0m\r\n"},
		{record.Stdout, t0, "\n"},
	}
	checkRead(t, header(want...), false, want)
}

func TestMuxedForms(t *testing.T) {
	frame := func(text string) []byte {
		b := []byte{1, 0, 0, 0, 0, 0, 0, byte(len(text))}
		return append(b, text...)
	}
	t0 := time.Date(2025, 11, 2, 3, 4, 5, 120_000_000, time.UTC).UnixNano()
	body := append(frame("2025-11-02T04:04:05.12+01:00 a\n"), frame("2025-11-02T03:04:05.12Z b\n")...)
	body = append(body, frame("2025-11-02T03:04:05.120000000Z c\n")...)
	body = append(body, frame("2025-11-02T03:04:05.120000001Z d\n")...)
	checkRead(t, body, false, []message{
		{record.Stdout, t0, "a\n"}, {record.Stdout, t0, "b\n"}, {record.Stdout, t0, "c\n"}, {record.Stdout, t0 + 1, "d\n"},
	})
}

func TestMuxedDamage(t *testing.T) {
	good := header(message{record.Stdout, 1, "good\n"})
	with := func(b ...byte) []byte { return append(bytes.Clone(good), b...) }
	for name, test := range map[string]struct {
		body []byte
		want error
	}{
		"cut in a header":          {with(1, 0, 0), io.ErrUnexpectedEOF},
		"cut in a message":         {with(1, 0, 0, 0, 0, 0, 0, 40, '2'), io.ErrUnexpectedEOF},
		"an unknown output":        {with(4, 0, 0, 0, 0, 0, 0, 1, 'x'), errFraming},
		"a header with other text": {with([]byte("2025-11-02T03:04:05.120000000Z x")...), errFraming},
		"4 GiB":                    {with(1, 0, 0, 0, 255, 255, 255, 255), errFraming},
		"no time":                  {with(1, 0, 0, 0, 0, 0, 0, 3, 'a', 'b', 'c'), errFraming},
		"a time and no more":       {with(append([]byte{1, 0, 0, 0, 0, 0, 0, 20}, "2025-11-02T03:04:05Z"...)...), errFraming},
		"a month too many":         {with(append([]byte{1, 0, 0, 0, 0, 0, 0, 21}, "2025-13-02T03:04:05Z "...)...), errFraming},
		"a year out of range":      {with(append([]byte{1, 0, 0, 0, 0, 0, 0, 21}, "0001-01-02T03:04:05Z "...)...), errFraming},
	} {
		all, err := read(bytes.NewReader(test.body), false)
		if !errors.Is(err, test.want) || len(all) != 1 {
			t.Errorf("%s: %v after %d messages, want %v after the good one", name, err, len(all), test.want)
		}
	}
	_, err := read(bytes.NewReader(with(append([]byte{3, 0, 0, 0, 0, 0, 0, 12}, "disk is full"...)...)), false)
	if err == nil || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("the engine's own error: %v", err)
	}
}

// An engine that cannot read on says so, with a header of its own if there are any.
func TestErrorsInLogs(t *testing.T) {
	const said = "Error grabbing logs: log message is too large (1937007727 > 1000000)\n"
	for _, tty := range []bool{false, true} {
		body := append(header(message{1, 5, "one\n"}), outOfBand, 0, 0, 0, 0, 0, 0, byte(len(said)))
		if tty {
			body = bare(message{1, 5, "one\r\n"})
		}
		body = append(body, said...)
		for _, r := range []io.Reader{bytes.NewReader(body), iotest.OneByteReader(bytes.NewReader(body))} {
			all, err := read(r, tty)
			if len(all) != 1 || err == nil || !strings.Contains(err.Error(), "the engine says in the log stream: \"Error grabbing logs: ") {
				t.Errorf("tty %v: %v, %v", tty, all, err)
			}
		}
		if all, err := read(bytes.NewReader(bare(message{1, 5, said})), true); err != nil || len(all) != 1 {
			t.Errorf("written by a program: %v, %v", all, err)
		}
	}
}

func TestTerminal(t *testing.T) {
	t0 := time.Date(2025, 11, 2, 3, 4, 5, 678, time.UTC).UnixNano()
	piece := strings.Repeat("0123456789abcdef", pieceSize/16)
	stamp := time.Unix(0, t0-5).UTC().Format(clockForm)
	want := []message{
		{record.Stdout, t0, "a line\r\n"},
		{record.Stdout, t0 + 1, piece},
		{record.Stdout, t0 + 1, piece},
		{record.Stdout, t0 + 1, "end\r\n"},
		{record.Stdout, t0 + 2, piece[:pieceSize-2] + "\r\n"},
		{record.Stdout, t0 + 3, "the program's own time " + stamp + " is earlier\r\n"},
		{record.Stdout, t0 + 4, "stopped within a li"},
		{record.Stdout, t0 + 5, "started again\r\n"},
		{record.Stdout, t0 + 6, "\r\n"},
		{record.Stdout, t0 + 7, "$ "},
	}
	checkRead(t, bare(want...), true, want)
	checkRead(t, []byte("no time at all, and longer than any\nx"), true, []message{
		{record.Stdout, 0, "no time at all, and longer than any\n"}, {record.Stdout, 0, "x"},
	})
}

// Whatever the engine sends, the same bytes make the same messages however they
// arrive, and no message is larger than it may be.
func FuzzFramer(f *testing.F) {
	f.Add(header(message{1, 5, "one\n"}, message{2, 6, "two"}), false, uint64(1))
	f.Add(bare(message{1, 5, "one\r\n"}, message{1, 6, strings.Repeat("x", pieceSize)}, message{1, 6, "y\r\n"}), true, uint64(2))
	f.Add([]byte{1, 0, 0, 0, 255, 255, 255, 255, 1}, false, uint64(3))
	f.Add([]byte("2025-11-02T03:04:05.120000000Z a2025-11-02T03:04:05.120000001Z b\n"), true, uint64(4))
	f.Fuzz(func(t *testing.T, body []byte, tty bool, seed uint64) {
		whole, wholeErr := read(bytes.NewReader(body), tty)
		pieces, piecesErr := read(&randomReader{bytes.NewReader(body), rand.New(rand.NewPCG(seed, 0))}, tty)
		if fmt.Sprint(wholeErr) != fmt.Sprint(piecesErr) || fmt.Sprint(whole) != fmt.Sprint(pieces) {
			t.Fatalf("at once %v %v\nin pieces %v %v", wholeErr, whole, piecesErr, pieces)
		}
		n := 0
		for _, m := range whole {
			if n += len(m.data); len(m.data) > maxFrame || m.out != record.Stdout && m.out != record.Stderr {
				t.Fatalf("message %+v", m)
			}
		}
		if n > len(body) {
			t.Fatalf("%d bytes made of %d", n, len(body))
		}
	})
}

type randomReader struct {
	r   io.Reader
	rnd *rand.Rand
}

func (r *randomReader) Read(p []byte) (int, error) {
	return r.r.Read(p[:min(len(p), r.rnd.IntN(len(p))+1, r.rnd.IntN(300)+1)])
}

func BenchmarkMuxed(b *testing.B) {
	const n = 1000
	var all []message
	for i := range n {
		all = append(all, message{record.Stdout, int64(i) * 1e5, strings.Repeat("x", 200) + "\n"})
	}
	body := header(all...)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		fr := newFramer(bytes.NewReader(body), false)
		for got := 0; got < n; {
			if _, ok, _ := fr.next(); ok {
				got++
			} else if err := fr.fill(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
