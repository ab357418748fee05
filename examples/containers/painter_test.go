package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/logferry/logferry/batch"
)

func entry(name, line string) *batch.Entry {
	return &batch.Entry{Labels: batch.MustLabels("container", name), Line: []byte(line)}
}

func TestPainter(t *testing.T) {
	for _, c := range []struct {
		before         []string
		name, line     string
		colours, plain string
	}{
		{nil, "web", "text", "\x1b[36mweb |\x1b[0m text", "web | text"},
		{[]string{"web"}, "longer", "a\tb é", "\x1b[33mlonger |\x1b[0m a\tb é", "longer | a\tb é"},
		{[]string{"web", "longer"}, "web", "text", "\x1b[36mweb    |\x1b[0m text", "web    | text"},
		{nil, "web", "\x1b[1;31mred", "\x1b[36mweb |\x1b[0m \x1b[1;31mred\x1b[0m", `web | \x1b[1;31mred`},
		{nil, "web", "\x1b[2J\a\xff\r", "\x1b[36mweb |\x1b[0m " + `\x1b[2J\a\xff\r`, `web | \x1b[2J\a\xff\r`},
	} {
		for _, colours := range []bool{true, false} {
			p := &painter{terminal: true, colours: colours, codes: map[string]string{}}
			for _, name := range c.before {
				p.format(nil, entry(name, ""))
			}
			want := c.plain
			if colours {
				want = c.colours
			}
			if got := string(p.format(nil, entry(c.name, c.line))); got != want+"\n" {
				t.Errorf("%q, colours %v: got %q, want %q", c.line, colours, got, want)
			}
		}
	}
}

func TestNameWithoutLabel(t *testing.T) {
	e := entry("other", "text")
	e.Attrs = []batch.Attr{{Key: "container", Value: "web"}}
	p := &painter{codes: map[string]string{}}
	if got := string(p.format(nil, e)); got != "web | text\n" {
		t.Errorf("got %q", got)
	}
}

// TestColoursAreBounded: containers come and go for as long as the program runs.
func TestColoursAreBounded(t *testing.T) {
	p := &painter{terminal: true, colours: true, codes: map[string]string{}}
	seen := map[string]int{}
	for i := range 3 * maxNames {
		name := fmt.Sprint(i)
		code := p.code(name)
		if i < 12 {
			seen[code]++
		}
		if p.code(name) != code || len(p.codes) > maxNames {
			t.Fatalf("%s: %q, then %q; %d names", name, code, p.code(name), len(p.codes))
		}
	}
	if len(seen) != 12 {
		t.Errorf("12 containers have %d colours", len(seen))
	}
	long := strings.Repeat("x", 100)
	if p.format(nil, entry(long, "")); p.width != maxWidth {
		t.Errorf("width %d", p.width)
	}
}
