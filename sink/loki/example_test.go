package loki_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
)

// A Sink on its own: one Write is one attempt, and its error says of every entry what became of it.
func ExampleSink_Write() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path, "for tenant", r.Header.Get("X-Scope-OrgID"))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()

	s, err := loki.New(loki.Config{URL: server.URL, TenantID: "blue"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(context.Background())

	b := batch.New(nil, batch.MustLabels("app", "shop"))
	b.Append(time.Now(), []byte("order 1234 placed"), batch.Attr{Key: "trace_id", Value: "4bf92f35"})
	fmt.Println(s.Write(context.Background(), b))

	b = batch.New(nil, batch.Labels{})
	b.Append(time.Now(), []byte("nobody's line"))
	err = s.Write(context.Background(), b)
	fmt.Println(sink.IsPermanent(err), err)
	// Output:
	// POST /loki/api/v1/push for tenant blue
	// <nil>
	// true loki: labels: none: Loki acknowledges and drops a stream without labels
}

// The usual set-up: every attempt counts for the breaker, and what is worth a retry is sent again for ever.
func ExampleNew() {
	s, err := loki.New(loki.Config{
		URL:            "https://logs.example.com",
		ExternalLabels: batch.MustLabels("host", "web-1"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	robust := sink.Retry(sink.Breaker(s, sink.BreakerConfig{}), sink.RetryConfig{})
	defer robust.Close(context.Background())
	perStream, _ := sink.Find[sink.PerStreamer](robust)
	fmt.Println(perStream.PerStream())
	// Output: true
}

// Which labels name a stream, and whose it is: of a container's labels only two do, the team's label is the tenant, and
// the others go along with each line as structured metadata, where a query still finds them.
func ExampleConfig() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("for tenant", r.Header.Get("X-Scope-OrgID"))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()

	s, err := loki.New(loki.Config{
		URL:          server.URL,
		StreamLabels: []string{"project", "service"},
		TenantLabel:  "team",
		TenantID:     "everybody-else",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(context.Background())

	b := batch.New(nil, batch.MustLabels("project", "shop", "service", "web", "team", "blue", "image", "web:1.2"))
	b.Append(time.Now(), []byte("order 1234 placed"))
	fmt.Println(s.Write(context.Background(), b), s.Stats().Entries)
	// Output:
	// for tenant blue
	// <nil> 1
}

// A file that was found late is older than what Loki takes. Clamp gives its entries times that it does, and keeps their
// own in an attribute; Distinct keeps equal lines apart whose times are cut to seconds.
func ExampleTimes() {
	s, err := loki.New(loki.Config{
		URL: "https://logs.example.com",
		Times: loki.Times{
			TooOld:   loki.Clamp,
			TooNew:   loki.Refuse,
			MaxAge:   30 * 24 * time.Hour, // this Loki has reject_old_samples_max_age: 30d
			Distinct: true,
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(context.Background())

	b := batch.New(nil, batch.MustLabels("app", "shop"))
	b.Append(time.Now().Add(time.Hour), []byte("a clock goes wrong"))
	err = s.Write(context.Background(), b) // nothing is sent
	fmt.Println(sink.IsPermanent(err), strings.Contains(err.Error(), "too new"))
	// Output: true true
}
