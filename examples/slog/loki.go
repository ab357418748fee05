package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/logferry/logferry/lifecycle"
)

// An ownLoki takes pushes of JSON as Loki does, and keeps what it was given.
type ownLoki struct {
	url    string
	server *http.Server

	mu      sync.Mutex
	streams map[string][]string // what is known of a line, and the line, by the labels
}

// startLoki serves one on the loopback interface, until stop is called.
func startLoki(tasks *lifecycle.Supervisor) (*ownLoki, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	o := &ownLoki{url: "http://" + l.Addr().String(), streams: map[string][]string{}}
	o.server = &http.Server{Handler: o}
	tasks.Go("loki", func(context.Context) error {
		if err := o.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return o, nil
}

func (o *ownLoki) stop() error { return o.server.Close() }

// ServeHTTP is the push endpoint.
func (o *ownLoki) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var push struct {
		Streams []struct {
			Stream map[string]string
			Values [][3]json.RawMessage // time, line, attributes
		}
	}
	body, err := gzip.NewReader(r.Body)
	if err == nil {
		err = json.NewDecoder(body).Decode(&push)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	io.Copy(io.Discard, r.Body)
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range push.Streams {
		name := fmt.Sprint(s.Stream)
		for _, v := range s.Values {
			o.streams[name] = append(o.streams[name], fmt.Sprintf("%s %s", v[1], v[2]))
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// show prints what it has.
func (o *ownLoki) show(to io.Writer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, lines := range o.streams {
		fmt.Fprintf(to, "\nthis program's own Loki has %d lines of %s, the last ones\n", len(lines), name)
		for _, line := range lines[max(0, len(lines)-3):] {
			fmt.Fprintln(to, " ", line)
		}
	}
}
