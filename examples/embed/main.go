// Embed is an ordinary HTTP service that ships its own log file with logferry.
// It writes access.log in a folder of its own, follows that file, and prints
// the lines or pushes them to Loki:
//
//	go run ./examples/embed [-listen ADDR] [-loki URL] [-dir FOLDER]
//	curl localhost:8080/hello; curl localhost:8080/healthz
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/tail"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "`address` to serve on")
	url := flag.String("loki", "", "push to the Loki at this `URL` instead of printing")
	dir := flag.String("dir", ".", "`folder` for access.log and its cursors")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", *listen)
	if err == nil {
		slog.Info("serving", "address", l.Addr())
		err = serve(ctx, l, *url, *dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "embed:", err)
		os.Exit(1)
	}
}

// collect is all that logferry takes: a pipeline from a file to a sink.
func collect(path, url string, cursors source.Checkpoints) (*pipeline.Engine, error) {
	files, err := tail.New(tail.Config{
		Paths:  []string{path},
		Labels: func(string) batch.Labels { return batch.MustLabels("app", "embed") },
	})
	if err != nil {
		return nil, err
	}
	to := sink.Terminal(os.Stdout)
	if url != "" {
		if to, err = loki.New(loki.Config{URL: url}); err != nil {
			return nil, err
		}
	}
	return pipeline.New(pipeline.Config{
		Sources:     map[string]source.Source{"access": files},
		Routes:      []pipeline.Route{{Name: "out", Sink: sink.Breaker(to, sink.BreakerConfig{})}},
		Checkpoints: cursors,
		Logger:      slog.Default(),
	})
}

func serve(ctx context.Context, l net.Listener, url, dir string) error {
	defer l.Close()
	access, err := os.OpenFile(filepath.Join(dir, "access.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer access.Close()
	cursors, err := source.NewFileCheckpoints(filepath.Join(dir, "access.cursors"))
	if err != nil {
		return err
	}
	defer cursors.Close()
	logs, err := collect(access.Name(), url, cursors)
	if err != nil {
		return err
	}
	if err := logs.Start(ctx); err != nil {
		return err
	}
	srv := &http.Server{Handler: handler(logs, access)}
	tasks := lifecycle.New(lifecycle.Config{Name: "embed"})
	serving := tasks.Go("http", func(context.Context) error { return ignoreClosed(srv.Serve(l)) })
	select {
	case <-ctx.Done():
	case <-serving.Done():
	}
	// The order matters: first no more requests, so no more lines; then what
	// has been read is delivered; cursors and file are closed last. A line too
	// late to be read is read at the next start.
	closing, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err = srv.Shutdown(closing)
	return errors.Join(err, tasks.Close(closing), logs.Close(closing))
}

// ignoreClosed makes the way every server ends not a failure.
func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func handler(logs *pipeline.Engine, access *os.File) http.Handler {
	log := slog.New(slog.NewJSONHandler(access, nil))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, r *http.Request) {
		log.Info("request", "path", r.URL.Path, "from", r.RemoteAddr)
		fmt.Fprintln(w, "hello")
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		health, stats := logs.Health(), logs.Stats()
		if !health.OK() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		json.NewEncoder(w).Encode(map[string]any{
			"problems": health.Problems, "oldest_undelivered": health.Oldest.String(), "sources": stats.Sources,
		})
	})
	return mux
}
