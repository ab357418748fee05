package lokitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// push sends entries of one stream as JSON and fails the test unless Loki takes them.
func push(t *testing.T, s *Server, app string, entries ...Entry) {
	t.Helper()
	if status, answer := tryPush(t, s, app, entries...); status != http.StatusNoContent {
		t.Fatalf("push: status %d: %s", status, answer)
	}
}

func tryPush(t *testing.T, s *Server, app string, entries ...Entry) (status int, answer string) {
	t.Helper()
	var values [][]any
	for _, e := range entries {
		value := []any{strconv.FormatInt(e.Time.UnixNano(), 10), e.Line}
		if e.Metadata != nil {
			value = append(value, e.Metadata)
		}
		values = append(values, value)
	}
	body, err := json.Marshal(map[string]any{
		"streams": []any{map[string]any{"stream": map[string]string{"app": app}, "values": values}},
	})
	if err != nil {
		t.Fatal(err)
	}
	status, answer, err = s.Push(t.Context(), "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}

// query returns every entry of the last two hours.
func query(t *testing.T, s *Server) []Stream {
	t.Helper()
	now := time.Now()
	got, err := s.Query(t.Context(), `{app=~".+"}`, now.Add(-2*time.Hour), now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPushIsQueriedBackAtOnce(t *testing.T) {
	s := Start(t)
	at := time.Now().Add(-time.Minute)
	push(t, s, "shop", Entry{Time: at, Line: "sold a \"pen\"", Metadata: map[string]string{"trace_id": "17"}})

	got := query(t, s)
	if len(got) != 1 || len(got[0].Entries) != 1 {
		t.Fatalf("got %v, want one entry", got)
	}
	if e := got[0].Entries[0]; !e.Time.Equal(at) || e.Line != "sold a \"pen\"" || e.Metadata["trace_id"] != "17" {
		t.Errorf("got %+v", e)
	}
	if app := got[0].Labels["app"]; app != "shop" {
		t.Errorf("stream of %q, want shop", app)
	}
}

func TestAcknowledgedEntriesSurviveKillAndStop(t *testing.T) {
	s := Start(t)
	url := s.URL
	at := time.Now().Add(-time.Hour)
	push(t, s, "shop", Entry{Time: at, Line: "before the kill"})
	s.Kill()
	if _, _, err := s.Push(t.Context(), "application/json", nil); err == nil {
		t.Fatal("a killed Loki answered")
	}
	s.Restart()
	push(t, s, "shop", Entry{Time: at.Add(1), Line: "before the stop"})
	s.Stop()
	s.Restart()
	push(t, s, "shop", Entry{Time: at.Add(2), Line: "before a restart while running"})
	s.Restart()

	var lines []string
	for _, stream := range query(t, s) {
		for _, e := range stream.Entries {
			lines = append(lines, e.Line)
		}
	}
	if got, want := strings.Join(lines, "|"), "before the kill|before the stop|before a restart while running"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if s.URL != url {
		t.Errorf("moved from %s to %s", url, s.URL)
	}
}

func TestLimitsChangeWhatLokiRefuses(t *testing.T) {
	s := Start(t, Limits("max_line_size: 10B\nmax_line_size_truncate: false"), Limits("discover_service_name: []"))
	status, answer := tryPush(t, s, "shop", Entry{Time: time.Now(), Line: "eleven byte"})
	if status != http.StatusBadRequest || !strings.Contains(answer, "max entry size '10' bytes exceeded") {
		t.Errorf("status %d: %s", status, answer)
	}
	push(t, s, "shop", Entry{Time: time.Now(), Line: "ten bytes!"})
	got := query(t, s)
	if len(got) != 1 {
		t.Fatalf("got %v, want one stream", got)
	}
	if _, ok := got[0].Labels["service_name"]; ok {
		t.Errorf("labels %v: want no service_name", got[0].Labels)
	}
}

// Pages end between entries of one instant, which lie in several streams.
func TestQueryPagesThroughLoki(t *testing.T) {
	s := Start(t)
	start := time.Now().Add(-time.Hour)
	const streams, perStream = 7, 700
	for i := range streams {
		var entries []Entry
		for j := range perStream {
			at := start.Add(time.Duration(j/20) * time.Second)
			entries = append(entries, Entry{Time: at, Line: fmt.Sprint("line ", j)})
		}
		push(t, s, strconv.Itoa(i), entries...)
	}
	got := query(t, s)
	if len(got) != streams {
		t.Fatalf("got %d streams, want %d", len(got), streams)
	}
	for _, stream := range got {
		seen := make(map[string]bool)
		for _, e := range stream.Entries {
			seen[e.Line] = true
		}
		if len(stream.Entries) != perStream || len(seen) != perStream {
			t.Errorf("stream %v: %d entries with %d lines, want %d", stream.Labels, len(stream.Entries), len(seen), perStream)
		}
	}
}

// The few large lines are too much for one message from the ingester, an error that categorize-labels hides; the many
// smaller ones for one from the querier. Both come fast enough for Loki to shard the stream.
func TestQueryReturnsMoreThanLokiAnswersAtOnce(t *testing.T) {
	for _, tc := range []struct{ entries, size int }{{24, 200_000}, {600, 8_000}} {
		t.Run(fmt.Sprintf("%d lines of %d bytes", tc.entries, tc.size), func(t *testing.T) {
			s := Start(t)
			start := time.Now().Add(-time.Hour)
			var entries []Entry
			for i := range tc.entries {
				line := strings.Repeat(string(rune('a'+i%26)), tc.size)
				entries = append(entries, Entry{Time: start.Add(time.Duration(i)), Line: line})
			}
			for part := range slices.Chunk(entries, 400_000/tc.size) {
				push(t, s, "shop", part...)
			}
			got := query(t, s)
			if len(got) != 1 || len(got[0].Entries) != tc.entries {
				t.Fatalf("got %d streams with %d entries, want %d entries in one", len(got), countEntries(got), tc.entries)
			}
			for i, e := range got[0].Entries {
				if !e.Time.Equal(start.Add(time.Duration(i))) || len(e.Line) != tc.size {
					t.Fatalf("entry %d: a line of %d bytes at %v", i, len(e.Line), e.Time)
				}
			}
		})
	}
}

// What Start does without a binary is seen from outside: this test runs itself again with another environment.
func TestStartWithoutBinary(t *testing.T) {
	if os.Getenv("LOKITEST_CHILD") != "" {
		Start(t)
		return
	}
	for _, tc := range []struct{ name, bin, require, want string }{
		{"skipped", "", "", "SKIP: TestStartWithoutBinary"},
		{"required", "", "docker,loki", "LOGFERRY_REQUIRE contains loki, but LOGFERRY_LOKI_BIN is not set"},
		{"not there", "/nowhere/loki", "", "no such file"},
		{"relative", "loki", "", "not an absolute path"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStartWithoutBinary$", "-test.v")
			cmd.Env = append(os.Environ(), "LOKITEST_CHILD=1", binEnv+"="+tc.bin, requireEnv+"="+tc.require)
			out, err := cmd.CombinedOutput()
			if !strings.Contains(string(out), tc.want) || (err == nil) != (tc.name == "skipped") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestStartFailsWithLokisOwnWords(t *testing.T) {
	s := Start(t)
	s.Kill()
	if err := os.WriteFile(s.dir+"/"+configName, []byte("no_such_section: {}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.run(); err == nil || !strings.Contains(err.Error(), "no_such_section") {
		t.Errorf("got %v, want Loki's complaint about no_such_section", err)
	}
}
