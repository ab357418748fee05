package tail

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/record"
)

var (
	little   = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	big      = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	little32 = utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
)

func encode(t testing.TB, e encoding.Encoding, text string) string {
	t.Helper()
	b, err := e.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// 字 is 5B57 and Ċ is 010A in UTF-16: bytes of both look like line ends, and so
// do those of two characters side by side.
const international = "plain\r\nĊĊ字ਊ\u0a00\u0a0a\n\n\U0001F600 two units\nlast"

func TestEncodings(t *testing.T) {
	want := strings.Split(strings.ReplaceAll(international, "\r", ""), "\n")
	path := filepath.Join(t.TempDir(), "f")
	for name, test := range map[string]struct {
		text string
		cfg  encoding.Encoding
	}{
		"UTF-8":                         {international, nil},
		"UTF-8, said":                   {international, unicode.UTF8},
		"UTF-8, mark":                   {"\ufeff" + international, nil},
		"UTF-8, mark, said":             {"\ufeff" + international, unicode.UTF8BOM},
		"UTF-16LE, mark":                {encode(t, little, "\ufeff"+international), nil},
		"UTF-16BE, mark":                {encode(t, big, "\ufeff"+international), nil},
		"UTF-16BE, mark, other said":    {encode(t, big, "\ufeff"+international), charmap.Windows1252},
		"UTF-16BE, mark, LE said":       {encode(t, big, "\ufeff"+international), little},
		"UTF-16LE, said":                {encode(t, little, international), little},
		"UTF-16BE, said":                {encode(t, big, international), big},
		"UTF-16BE, said to have a mark": {encode(t, big, international), unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM)},
		"UTF-16LE, said, mark":          {encode(t, little, "\ufeff"+international), unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)},
		"UTF-32LE, said":                {encode(t, little32, international), little32},
		"UTF-32LE, said, mark":          {encode(t, little32, "\ufeff"+international), utf32.UTF32(utf32.LittleEndian, utf32.UseBOM)},
		"UTF-32BE, said to have a mark": {encode(t, utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM), international), utf32.UTF32(utf32.BigEndian, utf32.ExpectBOM)},
		"GB18030":                       {encode(t, simplifiedchinese.GB18030, international), simplifiedchinese.GB18030},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(test.text), 0o644); err != nil {
				t.Fatal(err)
			}
			if got := readOnce(t, Config{Paths: []string{path}, Encoding: test.cfg}).got(); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestLegacyEncodings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, test := range []struct {
		e    encoding.Encoding
		text string
	}{
		{charmap.Windows1252, "Größe €\nq\n"}, {charmap.KOI8R, "привет\n"}, {japanese.ShiftJIS, "表示 ソ\n一\n"}, {japanese.EUCJP, "日本\n"},
		{japanese.ISO2022JP, "日本\nabc 語\n"}, {charmap.CodePage037, "mainframe\nlines\n"},
	} {
		if err := os.WriteFile(path, []byte(encode(t, test.e, test.text)), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := readOnce(t, Config{Paths: []string{path}, Encoding: test.e}).got(); strings.Join(got, "\n")+"\n" != test.text {
			t.Errorf("%v: got %q, want %q", test.e, got, test.text)
		}
	}
}

// TestInvalidText: what an encoding cannot mean becomes U+FFFD; in UTF-8, which
// is not looked at unless it is asked for, bytes stay what they are.
func TestInvalidText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, test := range []struct {
		text string
		e    encoding.Encoding
		want []string
	}{
		{"a\xffb\n", nil, []string{"a\xffb"}},
		{"a\xffb\n", unicode.UTF8, []string{"a\uFFFDb"}},
		{"\xff\xfea\x00\x00\xd8b\x00\n\x00\x00\xdc\n\x00c\x00d", nil, []string{"a\uFFFDb", "\uFFFD", "c\uFFFD"}},
		{"\x81\n\x81", simplifiedchinese.GBK, []string{"\uFFFD", "\uFFFD"}},
		{"ab\nc", fails{}, []string{"\uFFFD\uFFFD", "\uFFFD"}},
	} {
		if err := os.WriteFile(path, []byte(test.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := readOnce(t, Config{Paths: []string{path}, Encoding: test.e}).got(); !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}

// fails is an encoding that can be written and never read.
type fails struct{ encoding.Encoding }

func (fails) NewEncoder() *encoding.Encoder { return encoding.Nop.NewEncoder() }
func (fails) NewDecoder() *encoding.Decoder { return &encoding.Decoder{Transformer: refusing{}} }

type refusing struct{ transform.NopResetter }

func (refusing) Transform(_, src []byte, _ bool) (int, int, error) {
	if len(src) == 0 {
		return 0, 0, nil
	}
	return 0, 0, os.ErrInvalid
}

// TestEncodedAppends: a file in UTF-16 that grows byte by byte, through
// restarts, which do not see its byte order mark.
func TestEncodedAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	store, sink := source.MemCheckpoints(), newSinkhole()
	text := encode(t, little, "\ufeffa\nĊ\n\nb\n")
	for i := range len(text) {
		write(t, path, text[i:i+1])
		if i%3 > 0 {
			continue
		}
		r := start(t, quick(Config{Paths: []string{path}}), sink, store)
		wait(t, "the end", func() bool {
			s := r.src.Stats()
			return len(s) == 1 && s[0].State == Idle && s[0].Size == int64(i+1)
		})
		r.stop()
	}
	r := start(t, quick(Config{Paths: []string{path}}), sink, store)
	r.await("a", "Ċ", "", "b")
}

func TestEncodedFromEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, encode(t, little, "\ufeffold\nĊunfin"))
	r := start(t, quick(Config{Paths: []string{path}, From: End}), newSinkhole(), nil)
	wait(t, "the file", func() bool { s := r.src.Stats(); return len(s) == 1 && s[0].State == Idle })
	write(t, path, encode(t, little, "ished\n"))
	r.await("Ċunfinished")
}

// TestEncodedLines compares random files, whose lines cross chunks and the
// window everywhere, with the reference.
func TestEncodedLines(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 5))
	path := filepath.Join(t.TempDir(), "f")
	for i := range 12 {
		var text []byte
		mean := 1 << rnd.IntN(21)
		for size := rnd.IntN(1 << 20); len(text) < size; {
			text = append(text, strings.Repeat([]string{"a", "é", "Ċ", "字", "\U0001F600"}[rnd.IntN(5)], rnd.IntN(mean))...)
			text = append(text, []string{"\n", "\r\n", "\n\n"}[rnd.IntN(3)]...)
		}
		text = append(text, "tail"...)
		e := []encoding.Encoding{little, big, little32, unicode.UTF8}[i%4]
		if err := os.WriteFile(path, []byte(encode(t, e, string(text))), 0o644); err != nil {
			t.Fatal(err)
		}
		maxLine := 1 + rnd.IntN(1<<(10+rnd.IntN(10)))
		sink := readOnce(t, Config{Paths: []string{path}, Encoding: e, MaxLine: maxLine})
		want, cut := reference(text, 1<<30, false)
		got := sink.got()
		if len(got) != len(want) {
			t.Fatalf("%v, MaxLine %d: %d lines, want %d", e, maxLine, len(got), len(want))
		}
		for k := range want {
			cut[k] = len(want[k]) > maxLine
			want[k] = string(record.Cut([]byte(want[k]), maxLine))
			if got[k] != want[k] || sink.attrs[k] == "truncated=true" != cut[k] {
				t.Fatalf("%v, MaxLine %d, line %d: %d bytes %.40q %s, want %d bytes %.40q", e, maxLine, k, len(got[k]), got[k], sink.attrs[k], len(want[k]), want[k])
			}
			if !utf8.ValidString(got[k]) {
				t.Fatalf("line %d is cut within a character", k)
			}
		}
	}
}

// TestEncodedLongLineGrows: a line far longer than the window, whose end comes
// late.
func TestEncodedLongLineGrows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	piece := encode(t, little, strings.Repeat("Ċ", 1<<20))
	write(t, path, encode(t, little, "\ufefffirst\n"))
	r := start(t, quick(Config{Paths: []string{path}, MaxLine: 10}), newSinkhole(), nil)
	r.await("first")
	size := int64(len(encode(t, little, "\ufefffirst\n")))
	// Half a line end is read, before it turns out to be another character.
	for _, part := range []string{piece, piece + "\n", "\x01" + piece + "\n"} {
		write(t, path, part)
		size += int64(len(part))
		wait(t, "the end", func() bool {
			s := r.src.Stats()
			return s[0].State == Idle && s[0].Size == size
		})
	}
	write(t, path, "\x01"+encode(t, little, "\nnext\n"))
	r.await("first", "ĊĊĊĊĊ", "next")
}

// triple writes each line end as three bytes, which no unit is.
type triple struct{ encoding.Encoding }

func (triple) NewEncoder() *encoding.Encoder { return &encoding.Encoder{Transformer: tripling{}} }

type tripling struct{ transform.NopResetter }

func (tripling) Transform(dst, src []byte, _ bool) (n, used int, err error) {
	for range src {
		n += copy(dst[n:], "xyz")
	}
	return n, len(src), nil
}

// FuzzEncodedCut wants an encoded file cut where the decoded text would be.
func FuzzEncodedCut(f *testing.F) {
	f.Add(international, uint8(0), 4)
	f.Add("\u0a00\u000a\u0a0a\r\r\n", uint8(1), 100)
	f.Fuzz(func(t *testing.T, text string, which uint8, maxLine int) {
		if maxLine < 1 || maxLine > 1<<20 || !utf8.ValidString(text) || strings.HasPrefix(text, "\x00") || strings.Contains(text, "\ufeff") {
			return
		}
		e := []encoding.Encoding{little, big, little32, unicode.UTF8}[which%4]
		raw := []byte(encode(t, e, text))
		p := &plan{Config: Config{Encoding: e, MaxLine: maxLine}}
		p.setDefaults()
		all := newCodings(e)
		c := &all[configured]
		sink := newSinkhole()
		r := newRecords(p)
		b := sink.NewBatch(filename("/x"))
		defer b.Settle(nil)
		r.begin(&file{}, b)
		used := r.lines(c, raw, 0)
		r.line(c, raw[used:], int64(used), int64(len(raw)))
		want := strings.Split(text, "\n")
		if len(want) > batch.MaxCut {
			return
		}
		if len(want) != len(b.Entries) {
			t.Fatalf("%q in %v: %d lines, want %d", text, e, len(b.Entries), len(want))
		}
		for i, line := range want {
			line = strings.TrimSuffix(line, "\r")
			cut := record.Cut([]byte(line), maxLine)
			if got := &b.Entries[i]; !bytes.Equal(got.Line, cut) || (len(got.Attrs) > 0) != (len(cut) < len(line)) {
				t.Fatalf("%q in %v: line %d is %q %v, want %q", text, e, i, got.Line, fmt.Sprint(got.Attrs), cut)
			}
		}
	})
}
