package container

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/logferry/logferry/batch"
)

// entries are what the messages that an engine sends become, all of them or those that there are yet.
func entries(t *testing.T, body []byte, tty bool) (lines []string) {
	t.Helper()
	return entriesOf(t, body, tty, false)
}

// entriesOf is entries of any engine.
func entriesOf(t *testing.T, body []byte, tty, podman bool) (lines []string) {
	t.Helper()
	p, err := prepare(Config{})
	if err != nil {
		t.Fatal(err)
	}
	b := batch.New(&batch.Pool{Poison: true}, batch.Labels{})
	tr := newTrack(p, func() *batch.Batch { return b })
	tr.describe(tty, nil)
	tr.podman = podman
	tr.begin(position{})
	fr := newFramer(iotest.HalfReader(bytes.NewReader(body)), tty)
	m := newMarker(true)
	add := func(f frame) {
		k, _ := m.mark(&f)
		tr.add(&f, k)
	}
	for err == nil {
		var f frame
		var ok bool
		if f, ok, err = fr.next(); ok {
			add(f)
		} else if err == nil {
			err = fr.fill()
		}
	}
	for f, ok := fr.rest(); ok; f, ok = fr.rest() {
		add(f)
	}
	tr.close()
	for i := range b.Entries {
		lines = append(lines, string(b.Entries[i].Line))
	}
	b.Settle(nil)
	return lines
}

// pieces are a line as the engine stores it: with, or without, U+FFFD for each byte of a piece that is no UTF-8.
func pieces(time int64, line string, replace bool) (all []message) {
	for len(line) > 0 {
		n := min(pieceSize, len(line))
		piece := line[:n]
		line = line[n:]
		if replace {
			var b strings.Builder
			for _, r := range piece {
				b.WriteRune(r)
			}
			piece = b.String()
		}
		all = append(all, message{1, time, piece})
	}
	return all
}

// text is of n bytes.
func text(n int, of string) string { return strings.Repeat(of, n/len(of)+1)[:n] }

func TestPiecesMakeLines(t *testing.T) {
	for _, of := range []string{"abc ", "é", "ab\xffc", "\xff", "\ufffd", "\ufffd\xff", "2026-01-02T03:04:05Z \xff"} {
		for _, size := range []int{1, 100, pieceSize - 2, pieceSize - 1, pieceSize, pieceSize + 1, 2*pieceSize - 1, 2 * pieceSize, 40_000} {
			for _, tty := range []bool{false, true} {
				for _, replace := range []bool{false, true} {
					line, end, join := text(size, of), "\n", header
					if tty {
						end, join = "\r\n", bare
					}
					first := pieces(1e18, line+end, replace)
					var want []string
					whole := ""
					for _, p := range first {
						whole += p.data
					}
					want = append(want, strings.TrimSuffix(whole, end), "next", "last")
					body := join(slices.Concat(first, []message{{1, 1e18 + 5, "next" + end}, {1, 1e18 + 5, "last" + end}})...)
					if got := entries(t, body, tty); !slices.Equal(got, want) {
						t.Errorf("%d bytes of %q, tty %v, replaced %v: %s", size, of, tty, replace, unlike(got, want))
					}
				}
			}
		}
	}
}

// unlike says where two sequences of lines differ.
func unlike(got, want []string) string {
	var b strings.Builder
	for _, l := range [][]string{got, want} {
		b.WriteString(" |")
		for _, line := range l {
			b.WriteString(" ")
			b.WriteString(brief(line))
		}
	}
	return b.String()
}

// A CR that a program writes in front of a line end is not the terminal's.
func TestTerminalsLineEnds(t *testing.T) {
	for _, size := range []int{1, pieceSize - 1, pieceSize, pieceSize + 1, 2 * pieceSize} {
		line := text(size, "abc ")
		for _, end := range []string{"", "\r", "\r\r", "\rmore", "\r\rmore"} {
			body := bare(append(pieces(1e18, line+end+"\r\n", false), message{1, 2e18, "next\r\n"})...)
			if got, want := entries(t, body, true), []string{line + end, "next"}; !slices.Equal(got, want) {
				t.Errorf("%d bytes and %q: %s", size, end, unlike(got, want))
			}
		}
	}
	// The container was stopped within the line.
	line := text(pieceSize-1, "abc ") + "\r"
	body := bare(message{1, 1e18, line}, message{1, 2e18, "next\r\n"})
	if got, want := entries(t, body, true), []string{line, "next"}; !slices.Equal(got, want) {
		t.Errorf("unended: %s", unlike(got, want))
	}
}
