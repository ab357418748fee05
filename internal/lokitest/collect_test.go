package lokitest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// logFiles returns what to collect: real logs, if there are any beside the
// checkout, and a file with all the peculiarities a log can have.
func logFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../../shared/logs/*.log")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "peculiar.log")
	text := strings.Repeat("the same line\n", 50) + "\n\nwith CRLF\r\n  indented\ttabs\n" + strings.Repeat("x", 100_000) + "\n" +
		"grüße 日本\nNUL \x00 and \x1b[31mcolour\x1b[0m\nnot UTF-8: \xff\xfe caf\xe9\ncut short: \xe6\x97\nno newline at the end"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return append(files, path)
}

// linesOf are the lines of a file as the library promises to deliver them: one
// carriage return before the newline belongs to the line end.
func linesOf(t *testing.T, path string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		lines = append(lines, string(bytes.TrimSuffix(line, []byte("\r"))))
	}
	return lines
}

// TestCollectRealLogs takes every file through examples/collect into Loki and
// back by query: the same lines, in order, equal ones kept apart. What is not
// UTF-8 is compared with what Loki makes of it.
func TestCollectRealLogs(t *testing.T) {
	s := Start(t)
	files := logFiles(t)
	bin := filepath.Join(t.TempDir(), "collect")
	build := exec.Command("go", "build", "-o", bin, "./examples/collect")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	began := time.Now()
	out, err := exec.Command(bin, append([]string{"-once", "-loki", s.URL, "-label", "job=real"}, files...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("collect: %v\n%s", err, out)
	}
	t.Logf("%s", out)
	streams, err := s.Query(t.Context(), `{job="real"}`, began.Add(-time.Minute), time.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	stored := map[string][]Entry{}
	for _, st := range streams {
		stored[st.Labels["filename"]] = append(stored[st.Labels["filename"]], st.Entries...)
	}
	for _, file := range files {
		abs, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, filepath.Base(file), linesOf(t, file), stored[abs])
	}
}

func compare(t *testing.T, name string, want []string, got []Entry) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d lines stored, want %d", name, len(got), len(want))
	}
	invalid := 0
	for i := range min(len(want), len(got)) {
		w := want[i]
		if !utf8.ValidString(w) {
			invalid++
			w = replaced(w)
		}
		if got[i].Line != w {
			t.Fatalf("%s: line %d is %q, want %q", name, i+1, got[i].Line, w)
		}
		if i > 0 && !got[i].Time.After(got[i-1].Time) {
			t.Fatalf("%s: line %d is not later than the one before", name, i+1)
		}
	}
	t.Logf("%s: %d lines, %d of them not UTF-8", name, len(got), invalid)
}

// replaced is what Loki answers a line with that is not UTF-8. It stores the
// bytes; its query API, being JSON, has U+FFFD for each that is no part of a
// character.
func replaced(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(r)
	}
	return b.String()
}
