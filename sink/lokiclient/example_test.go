package lokiclient_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/grafana/loki-client-go/loki"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/lokiclient"
	"github.com/logferry/logferry/source"
)

// The configuration that a service has for the client goes into a route of a pipeline, as a step on the way to sink/loki.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("pushed as", r.Header.Get("X-Scope-OrgID"))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()

	cfg, err := loki.NewDefaultConfig(server.URL + "/loki/api/v1/push") // as before
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg.TenantID = "shop"
	to, err := lokiclient.New(lokiclient.Config{Client: cfg})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"greeting": greeting{}},
		Routes: []pipeline.Route{{
			Name:   "shop",
			Sink:   sink.Retry(to, sink.RetryConfig{Tries: 10}),
			Shaper: batch.Fixed(batch.Limits{MaxWait: time.Second, MaxBytes: 1 << 20}),
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Start(context.Background()))
	<-p.Done() // its source has ended
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	fmt.Println(p.Close(ctx))
	fmt.Println(p.Stats().Routes["shop"].Delivered)
	// Output:
	// <nil>
	// pushed as shop
	// <nil>
	// 1
}

// greeting is a Source of one line.
type greeting struct{}

func (greeting) Run(ctx context.Context, out *source.Outlet) error {
	s, err := out.Open(ctx, "greeting", batch.MustLabels("app", "shop"))
	if err != nil {
		return err
	}
	b := s.NewBatch()
	b.Append(time.Now(), []byte("hello"))
	return s.Send(ctx, b, "")
}

// Without a pipeline, whoever writes starts the Sink's task.
func ExampleSink_Start() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "too many", http.StatusTooManyRequests)
	}))
	defer server.Close()
	cfg, err := loki.NewDefaultConfig(server.URL + "/loki/api/v1/push")
	if err != nil {
		fmt.Println(err)
		return
	}
	to, err := lokiclient.New(lokiclient.Config{Client: cfg})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	sup := lifecycle.New(lifecycle.Config{Name: "shop"})
	if err := to.Start(ctx, sup); err != nil {
		fmt.Println(err)
		return
	}
	b := batch.New(nil, batch.MustLabels("app", "shop"))
	b.Append(time.Now(), []byte("hello"))
	fmt.Println(to.Write(ctx, b))
	b.Settle(nil)
	fmt.Println(to.Close(ctx), sup.Close(ctx))
	// Output:
	// sink: 1 entries failed: entry 0: lokiclient: server returned HTTP status 429 Too Many Requests (429): too many
	// <nil> <nil>
}
