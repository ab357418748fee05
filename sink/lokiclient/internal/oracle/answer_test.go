package main

import (
	"context"
	"testing"
	"time"

	"github.com/logferry/logferry/sink"
)

// TestAnswers: what an answer means to each client. loki-client-go calls sent, retries or drops a whole batch; sink/loki
// delivers, leaves to a retry or refuses for good.
func TestAnswers(t *testing.T) {
	const unparsable = "couldn't parse labels: 1:2: parse error"
	for _, tc := range []struct {
		status       int
		body         string
		theirs, ours string
	}{
		{204, "", "sent", "delivered"},
		{200, "<html>welcome</html>", "sent", "retry"},
		{260, "ingestion blocked for user blue", "sent", "retry"},
		{302, "", "dropped", "retry"},
		{400, unparsable, "dropped", "permanent"},
		{400, "<html>no such host</html>", "dropped", "retry"},
		{401, "", "dropped", "retry"},
		{403, "", "dropped", "retry"},
		{404, "", "dropped", "retry"},
		{408, "", "dropped", "retry"},
		{413, "", "dropped", "permanent"}, // of one entry; of more, they are sent in smaller requests
		{422, "", "dropped", "permanent"},
		{429, "", "retried", "retry"},
		{500, "", "retried", "retry"},
		{503, "", "retried", "retry"},
	} {
		r := newRecorder(t)
		r.status, r.body = tc.status, tc.body
		cfg := config{url: r.endpoint(), batch: 1 << 20, tries: 2, backoff: time.Millisecond}
		if got := theirFate(r, cfg); got != tc.theirs {
			t.Errorf("%d %q: loki-client-go: %s, want %s", tc.status, tc.body, got, tc.theirs)
		}
		if got := ourFate(t, cfg); got != tc.ours {
			t.Errorf("%d %q: logferry: %s, want %s", tc.status, tc.body, got, tc.ours)
		}
	}
}

func theirFate(r *recorder, cfg config) string {
	err := pushArchived(cfg, odd()[:1])
	switch requests := len(r.take()); {
	case err == nil:
		return "sent"
	case requests > 1:
		return "retried"
	default:
		return "dropped"
	}
}

func ourFate(t *testing.T, cfg config) string {
	t.Helper()
	s, err := newLogferry(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())
	b, err := batchOf(odd()[:1])
	if err != nil {
		t.Fatal(err)
	}
	switch err := s.Write(context.Background(), b); {
	case err == nil:
		return "delivered"
	case sink.IsPermanent(err):
		return "permanent"
	default:
		return "retry"
	}
}
