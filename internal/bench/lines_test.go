package bench

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const (
	lineSize = 217                                // with its newline
	numLines = (64<<20 + lineSize - 1) / lineSize // of the file that is measured
)

var (
	levels  = []string{"debug", "info", "info", "info", "warn", "error"}
	methods = []string{"GET", "GET", "GET", "POST", "PUT", "DELETE"}
	routes  = []string{"/api/v1/items", "/api/v1/orders", "/api/v2/search", "/healthz", "/api/v1/users/profile", "/login"}
	texts   = []string{"request handled", "cache miss, reading from storage", "slow query", "retrying after timeout", "session renewed"}
)

// appendLine appends line i, of lineSize bytes: every other one is JSON.
func appendLine(dst []byte, i int, at time.Time, rnd *rand.Rand) []byte {
	start := len(dst)
	stamp := at.Add(time.Duration(i) * 3 * time.Millisecond).Format("2006-01-02T15:04:05.000Z")
	level, text := levels[rnd.IntN(len(levels))], texts[rnd.IntN(len(texts))]
	method, route := methods[rnd.IntN(len(methods))], routes[rnd.IntN(len(routes))]
	id, status, took := rnd.IntN(1_000_000), 200+100*rnd.IntN(4), rnd.IntN(900)
	end := "\n"
	if i%2 == 0 {
		dst = fmt.Appendf(dst, `{"ts":%q,"level":%q,"msg":%q,"method":%q,"path":"%s/%d","status":%d,"took_ms":%d,"trace":"%016x","pad":"`,
			stamp, level, text, method, route, id, status, took, rnd.Uint64())
		end = "\"}\n"
	} else {
		dst = fmt.Appendf(dst, "%s %-5s [worker-%d] com.example.shop.Handler - %s: %s %s/%d status=%d took=%dms trace=%016x ",
			stamp, level, rnd.IntN(32), text, method, route, id, status, took, rnd.Uint64())
	}
	for len(dst)-start < lineSize-len(end) {
		dst = append(dst, 'x')
	}
	return append(dst[:start+lineSize-len(end)], end...)
}

// logFile writes a file of n lines and returns its path. Having just been written, it is in the page cache.
func logFile(t testing.TB, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.log")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	rnd := rand.New(rand.NewPCG(1, 2))
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var line []byte
	for i := range n {
		line = appendLine(line[:0], i, at, rnd)
		if _, err := w.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLogFile(t *testing.T) {
	const n = 10_001
	f, err := os.Open(logFile(t, n))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	json := 0
	for i := range n {
		line, err := r.ReadString('\n')
		if err != nil || len(line) != lineSize {
			t.Fatalf("line %d: %d bytes, %v", i, len(line), err)
		}
		if line[0] == '{' {
			json++
		}
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Error("there are more lines")
	}
	if json != (n+1)/2 {
		t.Errorf("%d of %d lines are JSON", json, n)
	}
}
