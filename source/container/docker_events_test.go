package container

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// happen answers with events, one line each.
func happen(texts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, text := range texts {
			fmt.Fprintln(w, text)
		}
	}
}

// What happens is told in order and by the caller's own goroutine, and the end
// of the stream is an error.
func TestEvents(t *testing.T) {
	s := newServer(t)
	s.events = happen(
		`{"Type":"container","Action":"start","Actor":{"ID":"abc"},"time":1700000000,"timeNano":1700000000000000012}`,
		`{"Type":"container","Action":"died","Actor":{"ID":"abc"},"time":1700000001}`,
		`{"Type":"image","Action":"remove","Actor":{"ID":"xyz"}}`,
		`{"Type":"container","Action":"remove","Actor":{"ID":"def"},"time":1700000002}`,
		`{"Type":"container","Action":"start","Actor":{}}`,
		`{"Type":"container","Action":"rename","Actor":{"ID":"abc"},"time":1700000003}`,
	)
	d := s.pinged(t)
	var got []event
	err := d.events(t.Context(), time.Unix(1699999999, 5), func(e event) {
		stack := make([]byte, 16<<10)
		if stack = stack[:runtime.Stack(stack, false)]; !strings.Contains(string(stack), "TestEvents") {
			t.Errorf("called from\n%s", stack)
		}
		got = append(got, e)
	})
	want := []event{
		{}, // the stream is open
		{"start", "abc", time.Unix(1700000000, 12)}, {"die", "abc", time.Unix(1700000001, 0)},
		{"destroy", "def", time.Unix(1700000002, 0)}, {"rename", "abc", time.Unix(1700000003, 0)},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if err == nil || !strings.Contains(err.Error(), "EOF") {
		t.Errorf("the end of the stream: %v", err)
	}
	asked := s.requests()
	for _, part := range []string{"/v1.45/events?", "since=1699999999.000000005", "%22start%22%3Atrue", "%22destroy%22%3Atrue", "%22container%22%3Atrue"} {
		if len(asked) != 1 || !strings.Contains(asked[0], part) {
			t.Errorf("%q was asked, without %s", asked, part)
		}
	}
}

// A stream that was refused was never open, whenever the library gets to saying so.
func TestRefusedEvents(t *testing.T) {
	s := newServer(t)
	s.events = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) }
	d := s.pinged(t)
	for range 200 {
		if err := d.events(t.Context(), time.Time{}, func(e event) { t.Errorf("event %+v", e) }); err == nil {
			t.Error("no error")
		}
	}
}

// However events end, nothing that the library started is left.
func TestEventsJoin(t *testing.T) {
	started := `{"Type":"container","Action":"start","Actor":{"ID":"abc"}}`
	oops := errors.New("oops")
	tests := map[string]struct {
		answer http.HandlerFunc
		each   func(cancel context.CancelFunc)
		want   string
	}{
		"refused":   {answer: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 500) }, want: "no"},
		"cut":       {answer: happen(started, `{"Type":`), want: "EOF"},
		"nonsense":  {answer: happen(started, `<html>`), want: "invalid character"},
		"cancelled": {answer: func(w http.ResponseWriter, r *http.Request) { happen(started)(w, r); silence(w, r) }, each: func(cancel context.CancelFunc) { cancel() }, want: "canceled"},
		"panic":     {answer: happen(started, started, started), each: func(context.CancelFunc) { panic(oops) }, want: "oops"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.events = test.answer
			d := s.pinged(t)
			if err := ending(t, d, test.each); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
			// It has closed its channel, and may have to return yet.
			for deadline := time.Now().Add(longEnough); ; runtime.Gosched() {
				left := stacksOf("client.(*Client).Events")
				if left == "" {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("left behind:\n%s", left)
				}
			}
		})
	}
}

// ending returns how events end, with the error that each panics with as well.
func ending(t *testing.T, d *docker, each func(context.CancelFunc)) (err error) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel) // not before it is looked at what is left
	defer func() {
		if value := recover(); value != nil {
			err = value.(error)
		}
	}()
	return d.events(ctx, time.Time{}, func(event) {
		if each != nil {
			each(cancel)
		}
	})
}
