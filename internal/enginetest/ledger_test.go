package enginetest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/logferry/logferry/internal/enginetest"
	"github.com/logferry/logferry/internal/enginetest/chat"
)

const (
	shop = "5b0c1e2d3f40aaaa" // the ids of containers, which are longer
	cart = "77777e2d3f40bbbb"
)

// line makes the n-th line that a container wrote to stdout.
func line(container, run string, n int) []byte {
	return chat.Line{Run: container[:12] + "-" + run, Output: chat.Stdout, N: n}.Append(nil, 60, false)
}

func TestLedger(t *testing.T) {
	take := func(l *enginetest.Ledger, numbers ...int) {
		for _, n := range numbers {
			l.Take(shop, chat.Stdout, false, line(shop, "1", n))
		}
	}
	retained := func(l *enginetest.Ledger, numbers ...int) {
		var lines []enginetest.Line
		for _, n := range numbers {
			lines = append(lines, enginetest.Line{Output: chat.Stdout, Text: line(shop, "1", n)})
		}
		l.Retained(shop, false, lines)
	}
	cut := func(n int) []byte { return line(shop, "1", n)[:40] }
	tests := []struct {
		name string
		do   func(l *enginetest.Ledger)
		want enginetest.Verdict
	}{
		{"nothing", func(l *enginetest.Ledger) {}, enginetest.Verdict{}},
		{"all of a script", func(l *enginetest.Ledger) {
			take(l, 0, 1, 2)
			l.Expect(shop, enginetest.Script{Lines: 3})
		}, enginetest.Verdict{Lines: 3}},
		{"none of a script", func(l *enginetest.Ledger) { l.Expect(shop, enginetest.Script{Lines: 4, Stderr: 2}) }, enginetest.Verdict{Lost: 4}},
		{"none of an empty script", func(l *enginetest.Ledger) { l.Expect(shop, enginetest.Script{}) }, enginetest.Verdict{}},
		{"none of an endless script", func(l *enginetest.Ledger) { l.Expect(shop, enginetest.Script{Lines: -1}) }, enginetest.Verdict{}},
		{"the last one lost", func(l *enginetest.Ledger) {
			take(l, 0, 1)
			l.Expect(shop, enginetest.Script{Lines: 3})
		}, enginetest.Verdict{Lines: 2, Lost: 1}},
		{"an output lost", func(l *enginetest.Ledger) {
			take(l, 0, 1)
			l.Expect(shop, enginetest.Script{Lines: 4, Stderr: 2})
		}, enginetest.Verdict{Lines: 2, Lost: 2}},
		{"a second run incomplete", func(l *enginetest.Ledger) {
			take(l, 0, 1)
			l.Take(shop, chat.Stdout, false, line(shop, "2", 0))
			l.Expect(shop, enginetest.Script{Lines: 2})
		}, enginetest.Verdict{Lines: 3, Lost: 1}},
		{"of another container", func(l *enginetest.Ledger) {
			take(l, 0, 1)
			l.Expect(shop, enginetest.Script{Lines: 2})
			l.Expect(cart, enginetest.Script{Lines: 2})
		}, enginetest.Verdict{Lines: 2, Lost: 2}},
		{"in the middle lost, and retained", func(l *enginetest.Ledger) {
			take(l, 0, 3)
			retained(l, 0, 1, 2, 3)
		}, enginetest.Verdict{Lines: 2, Lost: 2, Skipped: 2}},
		{"in the middle skipped, and rotated away", func(l *enginetest.Ledger) {
			take(l, 0, 3)
			retained(l, 3)
		}, enginetest.Verdict{Lines: 2, Skipped: 2}},
		{"more than is retained", func(l *enginetest.Ledger) {
			take(l, 0, 1, 2, 3)
			retained(l, 2, 3)
		}, enginetest.Verdict{Lines: 4}},
		{"all that is retained lost", func(l *enginetest.Ledger) { retained(l, 7, 8) }, enginetest.Verdict{Lost: 2}},
		{"twice", func(l *enginetest.Ledger) {
			take(l, 0, 1, 1, 2, 0, 0)
			retained(l, 0, 1, 2)
		}, enginetest.Verdict{Lines: 6, Twice: 3}},
		{"out of order", func(l *enginetest.Ledger) { take(l, 0, 2, 1, 3) }, enginetest.Verdict{Lines: 4, Disorder: 1}},
		{"each run in its own order", func(l *enginetest.Ledger) {
			take(l, 0, 1)
			l.Take(shop, chat.Stdout, false, line(shop, "2", 0))
			l.Take(cart, chat.Stdout, false, line(cart, "1", 0))
		}, enginetest.Verdict{Lines: 4}},
		{"as another container's", func(l *enginetest.Ledger) { l.Take(cart, chat.Stdout, false, line(shop, "1", 0)) }, enginetest.Verdict{Lines: 1, Strange: 1}},
		{"as the other output's", func(l *enginetest.Ledger) { l.Take(shop, chat.Stderr, false, line(shop, "1", 0)) }, enginetest.Verdict{Lines: 1, Strange: 1}},
		{"of a tty", func(l *enginetest.Ledger) {
			text := chat.Line{Run: shop[:12], Output: chat.Stderr}.Append(nil, 60, false)
			l.Take(shop, chat.Stdout, true, text)
			l.Retained(shop, true, []enginetest.Line{{Output: chat.Stdout, Text: text}})
		}, enginetest.Verdict{Lines: 1}},
		{"two glued together", func(l *enginetest.Ledger) {
			l.Take(shop, chat.Stdout, false, append(line(shop, "1", 0), line(shop, "1", 1)...))
			retained(l, 0, 1)
		}, enginetest.Verdict{Lines: 1, Lost: 2, Strange: 1}},
		{"one torn apart", func(l *enginetest.Ledger) {
			l.Take(shop, chat.Stdout, false, cut(0))
			l.Take(shop, chat.Stdout, false, line(shop, "1", 0)[40:])
			retained(l, 0)
		}, enginetest.Verdict{Lines: 2, Lost: 1, Strange: 2}},
		{"a part, as it is retained", func(l *enginetest.Ledger) {
			l.Take(shop, chat.Stdout, false, cut(0))
			l.Retained(shop, false, []enginetest.Line{{Output: chat.Stdout, Text: cut(0)}})
		}, enginetest.Verdict{Lines: 1}},
		{"a part lost", func(l *enginetest.Ledger) {
			l.Retained(shop, false, []enginetest.Line{{Output: chat.Stdout, Text: cut(0)}})
		}, enginetest.Verdict{Lost: 1}},
		{"a part twice", func(l *enginetest.Ledger) {
			l.Take(shop, chat.Stdout, false, cut(0))
			l.Take(shop, chat.Stdout, false, cut(0))
			l.Retained(shop, false, []enginetest.Line{{Output: chat.Stdout, Text: cut(0)}})
		}, enginetest.Verdict{Lines: 2, Twice: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var l enginetest.Ledger
			test.do(&l)
			got := l.Verdict()
			err := got.Err()
			wrong := got.Lost + got.Twice + got.Disorder + got.Strange
			if (err != nil) != (wrong > 0) || (len(got.Examples) > 0) != (wrong > 0) {
				t.Errorf("%+v is the error %v", got, err)
			}
			got.Examples = nil
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("found %+v, want %+v", got, test.want)
			}
			if again := l.Verdict(); again.Lost != got.Lost || again.Lines != got.Lines || again.Strange != got.Strange {
				t.Errorf("found %+v when asked again, want %+v", again, got)
			}
		})
	}
}

// What is wrong is told with examples, however much of it there is.
func TestLedgerKeepsFewExamples(t *testing.T) {
	var l enginetest.Ledger
	l.Expect(shop, enginetest.Script{Lines: 1000})
	l.Take(shop, chat.Stdout, false, line(shop, "1", 500))
	v := l.Verdict()
	if v.Lost != 999 || len(v.Examples) != 20 || !strings.Contains(v.Err().Error(), "lost: line 7 that run "+shop[:12]) {
		t.Errorf("%d lost, %d examples: %v", v.Lost, len(v.Examples), v.Err())
	}
}

func ExampleLedger() {
	const id = "0a1b2c3d4e5f60718293a4b5"
	var l enginetest.Ledger
	for _, n := range []int{0, 1, 3} {
		text := chat.Line{Run: "0a1b2c3d4e5f-1", Output: chat.Stdout, N: n}.Append(nil, 40, false)
		l.Take(id, chat.Stdout, false, text)
	}
	l.Expect(id, enginetest.Script{Lines: 4})
	fmt.Println(l.Verdict().Err())
	// Output:
	// 3 lines delivered: 1 lost, 0 twice, 0 out of order, 0 strange
	// lost: line 2 that run 0a1b2c3d4e5f-1 wrote to o of 0a1b2c3d4e5f
}
