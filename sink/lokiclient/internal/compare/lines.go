package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// A text is where lines come from, in turns.
type text struct {
	lines [][]byte
	real  bool // of real logs
	next  int
}

// readText reads the logs that a pattern finds, or makes lines if there are none.
func readText(pattern string) (*text, error) {
	t := &text{}
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(data) {
			t.lines = append(t.lines, bytes.TrimRight(line, "\r\n"))
		}
	}
	t.real = len(t.lines) > 0
	for i := 0; i < 1000 && !t.real; i++ {
		t.lines = append(t.lines, fmt.Appendf(nil, `{"level":"info","msg":"request handled","path":"/api/v1/items/%d","took_ms":%d}`, i, i*7919%900))
	}
	return t, nil
}

// appendLine appends the next line, with its number in front and its newline.
func (t *text) appendLine(dst []byte) []byte {
	dst = fmt.Appendf(dst, "%08d ", t.next)
	dst = append(dst, t.lines[t.next%len(t.lines)]...)
	t.next++
	return append(dst, '\n')
}
