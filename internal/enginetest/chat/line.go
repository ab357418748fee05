package chat

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// The outputs of a program.
const (
	Stdout = 'o'
	Stderr = 'e'
)

// maxN is more than is ever written, and far from an overflow.
const maxN = 1 << 30

// oddities are what lines are filled with that must survive as they are: bytes that are not UTF-8, NUL, colours, a lone CR. No
// sequence of two bytes is valid UTF-8 in part, so it does not matter where an engine cuts it.
const oddities = "ok \xff\x00 \x1b[31mred\x1b[0m over\rwritten \xc3( \xe2\x82| "

// A Line is where a line comes from: the N-th, from 0, that Run wrote to Output.
type Line struct {
	Run    string // without a space
	Output byte   // Stdout or Stderr
	N      int
}

// Append appends the line to dst, with no newline, filled up to size bytes. It is longer if it has to be: what names it is
// always there. An odd one is filled with bytes that are hard to keep.
func (l Line) Append(dst []byte, size int, odd bool) []byte {
	start := len(dst)
	for {
		dst = l.header(dst[:start], size, odd)
		if n := len(dst) - start; n <= size {
			return l.fill(dst, start+size, odd)
		}
		size = len(dst) - start
	}
}

// header appends all but the filling, which tells how long the whole line is.
func (l Line) header(dst []byte, size int, odd bool) []byte {
	dst = append(dst, l.Run...)
	dst = append(dst, ' ', l.Output, ' ')
	dst = strconv.AppendInt(dst, int64(l.N), 10)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, int64(size), 10)
	if odd {
		dst = append(dst, '!')
	}
	return append(dst, ' ')
}

// fill appends what depends on the line's number, up to a length.
func (l Line) fill(dst []byte, length int, odd bool) []byte {
	from := len(dst)
	for i := l.N; len(dst) < length; i++ {
		if odd {
			dst = append(dst, oddities[i%len(oddities)])
		} else {
			dst = append(dst, byte('a'+i%26))
		}
	}
	if odd && from < length {
		dst[length-1] = '.' // so that no CR stands before the newline
	}
	return dst
}

// Parse recognises a line that Append made, with no newline. It reports false if a byte is missing, added or another, but
// for those that are not UTF-8: each may have become U+FFFD, which is what the engine's json-file driver does to them.
func Parse(text []byte) (Line, bool) {
	fields := bytes.SplitN(text, []byte(" "), 5)
	if len(fields) != 5 || len(fields[1]) != 1 {
		return Line{}, false
	}
	n, err := strconv.Atoi(string(fields[2]))
	length, odd := bytes.CutSuffix(fields[3], []byte("!"))
	size, sizeErr := strconv.Atoi(string(length))
	l := Line{Run: string(fields[0]), Output: fields[1][0], N: n}
	if err != nil || sizeErr != nil || n < 0 || n > maxN || l.Output != Stdout && l.Output != Stderr {
		return Line{}, false
	}
	// Before anything is made of that size: it is what was read, not what was written.
	if size > len(text) || len(text) > size*utf8.UTFMax {
		return Line{}, false
	}
	made := l.Append(make([]byte, 0, size), size, odd)
	return l, bytes.Equal(text, made) || odd && bytes.Equal(text, replaced(made))
}

// replaced returns text with U+FFFD for each byte that is not UTF-8.
func replaced(text []byte) []byte {
	return []byte(string([]rune(string(text))))
}
