package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// start is when the first entry was written.
var start = time.Date(2026, 1, 2, 3, 4, 5, 123_456_789, time.UTC)

// logs returns entries of real logs, if there are any beside the checkout, and of generated ones: a stream for each file,
// their lines in turn, every third with metadata.
func logs(t testing.TB) (es []entry) {
	t.Helper()
	files := map[string][][]byte{"generated.log": generated(400)}
	paths, err := filepath.Glob("../../../../../shared/logs/*.log")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Split(text, []byte("\n"))
		files[filepath.Base(path)] = lines[:min(len(lines), 400)]
	}
	for i := 0; len(files) > 0; i++ {
		for name, lines := range files {
			if i == len(lines) {
				delete(files, name)
				continue
			}
			e := entry{
				Labels: map[string]string{"app": "shop", "filename": "/var/log/" + name},
				Nanos:  start.UnixNano() + int64(i)*1_000_003,
				Line:   lines[i],
			}
			if i%3 == 0 {
				e.Metadata = []pair{{"trace_id", fmt.Sprintf("%016x", i)}, {"pod", name}}
			}
			es = append(es, e)
		}
	}
	return es
}

// generated makes n lines of about 200 bytes.
func generated(n int) (lines [][]byte) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		line := fmt.Sprintf(`{"ts":"2026-01-02T03:04:05.%06dZ","level":"info","msg":"request handled","path":"/api/v1/items/%d","status":%d,"took_ms":%d,"trace":"%016x%016x"}`,
			i, rnd.IntN(1_000_000), 200+100*rnd.IntN(4), rnd.IntN(900), rnd.Uint64(), rnd.Uint64())
		lines = append(lines, []byte(line+strings.Repeat(" ", max(0, 200-len(line)))))
	}
	return lines
}

// odd are entries with what is rare: every one is good, and Loki takes it.
func odd() (es []entry) {
	add := func(l map[string]string, nanos int64, line string, m ...pair) {
		es = append(es, entry{Labels: l, Nanos: nanos, Line: []byte(line), Metadata: m})
	}
	now := start.UnixNano()
	app := map[string]string{"app": "odd"}
	for _, line := range []string{
		"", "\x00", "not UTF-8: \xff\xfe caf\xe9", "cut short: \xe6\x97", "grüße 日本 \U0001f600", "tab\tand CR\r", "two\nlines",
		"\x1b[31mred\x1b[0m", `"quoted" \ and {braces}`, "\u2028", "\ufffd", strings.Repeat("long ", 40_000),
	} {
		add(app, now, line) // all in the same nanosecond
		now++
		add(app, now, line, pair{"k", "v"})
	}
	add(app, now, "twice")
	add(app, now, "twice")
	add(app, now-int64(time.Minute), "out of order")
	add(app, now, "metadata", pair{"empty", ""}, pair{"b", "1"}, pair{"a", "2"}, pair{"A_9", "\xff\n\"\\日本"})
	add(app, now, "many", manyPairs(100)...)
	for i, value := range []string{
		"plain", `"`, `\`, `a"b\c`, "`", "line\nfeed", "CR\rTAB\tNUL\x00BEL\a", "DEL\x7f", "{a=\"b\"}", ", ", "=", "'", "日本", "e\u0301",
		"\U0001f600", "\u00a0\u200b\u2028\ufeff", "\ue000", " ", "x ", strings.Repeat("v", 2000),
	} {
		add(map[string]string{"app": "odd", "value": value}, now+int64(i), "odd value")
	}
	for _, name := range []string{"_", "__", "__x__", "a", "A", "a1", "a_1", "a_", "Z9", "or", "by", "le", strings.Repeat("n", 1000)} {
		add(map[string]string{"app": "odd", name: "v", name + "2": "w"}, now, "odd name")
	}
	add(map[string]string{"host": "its own", "app": "odd"}, now, "a label that is external, too")
	return es
}

// oddTimes are entries far apart.
func oddTimes() (es []entry) {
	for _, nanos := range []int64{1 << 62, 0, 1, 999_999_999, 1_000_000_000, -1, -1_000_000_000} {
		es = append(es, entry{Labels: map[string]string{"app": "odd"}, Nanos: nanos, Line: []byte("at an odd time")})
	}
	return es
}

func manyPairs(n int) (m []pair) {
	for i := range n {
		m = append(m, pair{fmt.Sprint("key", i), strings.Repeat("v", i)})
	}
	return m
}
