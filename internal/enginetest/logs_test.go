package enginetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/logferry/logferry/internal/enginetest/chat"
)

// frame makes one of the API's.
func frame(output byte, text string) string {
	text = "2026-01-02T03:04:05.000000006Z " + text
	return string(binary.BigEndian.AppendUint32([]byte{output, 0, 0, 0}, uint32(len(text)))) + text
}

func TestSplit(t *testing.T) {
	long := strings.Repeat("x", piece)
	tests := []struct {
		name, raw string
		want      []string // output and length, or text if it is short
		err       string
	}{
		{"nothing", "", nil, ""},
		{"lines", frame(1, "a\n") + frame(2, "b\n") + frame(1, "\n"), []string{"o a", "e b", "o "}, ""},
		{"no last newline", frame(1, "a\n") + frame(1, "b"), []string{"o a", "o b"}, ""},
		{"pieces", frame(1, long) + frame(2, "b\n") + frame(1, "a\n"), []string{"e b", "o 16385"}, ""},
		{"pieces without a newline", frame(1, long) + frame(1, "a") + frame(1, "b\n"), []string{"o 16385", "o b"}, ""},
		{"whole pieces", frame(1, long) + frame(1, long) + frame(1, "\n") + frame(1, "b\n"), []string{"o 32768", "o b"}, ""},
		{"whole pieces without a newline", frame(1, long) + frame(1, "") + frame(1, "b\n"), []string{"o 16384", "o b"}, ""},
		{"a whole piece with its newline", frame(1, long[1:]+"\n") + frame(1, "b\n"), []string{"o 16383", "o b"}, ""},
		{"whole pieces at the end", frame(1, long) + frame(2, long), []string{"o 16384", "e 16384"}, ""},
		{"half a header", frame(1, "a\n") + "\x01\x00\x00", []string{"o a"}, "no frame at"},
		{"no header", "a line\nand another\n", nil, "no frame at"},
		{"half a frame", frame(1, "a\n")[:20], nil, "a frame of 33 bytes with 12"},
		{"no timestamp", "\x01\x00\x00\x00\x00\x00\x00\x02a\n", nil, "no timestamp"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lines, err := split([]byte(test.raw))
			var got []string
			for _, l := range lines {
				text := string(l.Text)
				if len(text) > 10 {
					text = fmt.Sprint(len(text))
				}
				got = append(got, fmt.Sprintf("%c %s", l.Output, text))
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
}

func TestTerminal(t *testing.T) {
	lines, err := terminal([]byte("a\r\nb\rc\r\n\r\nd"))
	if err != nil {
		t.Error(err)
	}
	if _, err := terminal([]byte("a\r\nbError grabbing logs: log message is too large\n")); !errors.Is(err, errSaid) {
		t.Errorf("what the engine says is taken for text: %v", err)
	}
	want := []Line{{chat.Stdout, []byte("a")}, {chat.Stdout, []byte("b\rc")}, {chat.Stdout, nil}, {chat.Stdout, []byte("d")}}
	if fmt.Sprint(lines) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", lines, want)
	}
}
