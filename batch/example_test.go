package batch_test

import (
	"fmt"
	"time"

	"github.com/logferry/logferry/batch"
)

func ExampleBatch() {
	b := batch.New(nil, batch.MustLabels("app", "shop"))
	b.Append(time.Time{}, []byte("order 17 accepted"), batch.Attr{Key: "trace", Value: "4bf92f"})
	b.Append(time.Time{}, []byte("DEBUG nothing to do"))
	b.Filter(func(e *batch.Entry) bool { return string(e.Line[:5]) != "DEBUG" })
	for i := range b.Entries {
		e := &b.Entries[i]
		fmt.Printf("%s %s %v\n", b.LabelsOf(i), e.Line, e.Attrs)
	}
	b.Settle(nil)
	// Output:
	// {app="shop"} order 17 accepted [{trace 4bf92f}]
}

// Drop says why: the pipeline counts the entries by their reasons.
func ExampleBatch_Drop() {
	b := batch.New(nil, batch.MustLabels("app", "shop"))
	b.Append(time.Time{}, []byte("GET /healthz"))
	b.Append(time.Time{}, []byte("GET /orders/17"))
	b.Drop("probe", func(e *batch.Entry) bool { return string(e.Line) == "GET /healthz" })
	fmt.Println(len(b.Entries), b.Drops())
	b.Settle(nil)
	// Output: 1 [{probe 1}]
}

// What is acknowledged is one batch, and it is once everybody who holds a
// reference has said what became of it.
func ExampleBatch_Settle() {
	b := batch.New(nil, batch.Labels{})
	b.Append(time.Time{}, []byte("line"))
	b.OnSettled(func(err error) { fmt.Println("settled:", err) })

	b.Retain(1) // for a second route
	b.Settle(nil)
	fmt.Println("one of two is done")
	b.Settle(nil)
	// Output:
	// one of two is done
	// settled: <nil>
}

// A merged batch stands for its parts: settled, it settles them.
func ExampleBatch_Merge() {
	m := batch.New(nil, batch.Labels{})
	for _, app := range []string{"shop", "mail"} {
		b := batch.New(nil, batch.MustLabels("app", app))
		b.Append(time.Time{}, []byte("started"))
		b.OnSettled(func(err error) { fmt.Println(app, "is settled:", err) })
		m.Merge(b, nil)
	}
	for i := range m.Entries {
		fmt.Printf("%s %s\n", m.LabelsOf(i), m.Entries[i].Line)
	}
	m.Settle(nil)
	// Output:
	// {app="shop"} started
	// {app="mail"} started
	// shop is settled: <nil>
	// mail is settled: <nil>
}

// A source that reads blocks reads them into memory of the batch, and copies no
// line.
func ExampleBatch_Buffer() {
	b := batch.New(new(batch.Pool), batch.Labels{})
	buf := b.Buffer(64)
	n := copy(buf, "first\nsecond\n") // a Read
	for rest := buf[:n]; len(rest) > 0; {
		i := 0
		for rest[i] != '\n' {
			i++
		}
		b.AppendShared(time.Time{}, rest[:i])
		rest = rest[i+1:]
	}
	fmt.Printf("%s, %s\n", b.Entries[0].Line, b.Entries[1].Line)
	b.Settle(nil)
	// Output: first, second
}

func ExampleLabels() {
	l := batch.MustLabels("env", "prod", "app", "shop")
	fmt.Println(l, l.Get("env"))

	l, err := l.With("zone", "eu")
	if err != nil {
		panic(err)
	}
	same := batch.MustLabels("app", "shop", "env", "prod", "zone", "eu")
	fmt.Println(l, l == same)

	_, err = l.With("my-label", "x")
	fmt.Println(err)
	// Output:
	// {app="shop", env="prod"} prod
	// {app="shop", env="prod", zone="eu"} true
	// batch: invalid label: name "my-label": want letters, digits and _, not starting with a digit
}

func ExampleFixed() {
	s := batch.Fixed(batch.Limits{MaxBytes: 64 << 10})
	l := s.Limits(batch.State{})
	fmt.Println(l.MaxBytes, l.MaxEntries, l.MaxWait)
	// Output: 65536 10000 200ms
}

// An Adaptive learns from the outcomes that its route tells it of.
func ExampleNewAdaptive() {
	a := batch.NewAdaptive(batch.AdaptiveConfig{MaxBytes: 1 << 20}) // Loki's operator allows no more
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

	l := a.Limits(batch.State{Now: now})
	fmt.Println("nothing in flight: an entry waits", l.MaxWait)

	for range 20 {
		now = now.Add(40 * time.Millisecond)
		a.Observe(batch.Outcome{Entries: 40, Bytes: 10_000, InFlight: 1, Took: 40 * time.Millisecond, Class: batch.Delivered, Now: now})
	}
	l = a.Limits(batch.State{Now: now, InFlight: 1})
	fmt.Println("a Write takes 40 ms: while one is in flight it waits", l.MaxWait.Round(time.Millisecond))

	a.Observe(batch.Outcome{Entries: 4000, Bytes: 1 << 20, InFlight: 1, Class: batch.TooLarge, Now: now})
	l = a.Limits(batch.State{Now: now, Backlog: 64 << 20})
	fmt.Println("a request that is too large halves them:", l.MaxBytes)
	// Output:
	// nothing in flight: an entry waits 2ms
	// a Write takes 40 ms: while one is in flight it waits 4ms
	// a request that is too large halves them: 524288
}

func ExampleAdaptive_Validate() {
	fmt.Println(batch.NewAdaptive(batch.AdaptiveConfig{MinBytes: 4 << 20, MaxInFlight: -1}).Validate())
	// Output:
	// batch: AdaptiveConfig.MaxInFlight: is negative
	// batch: AdaptiveConfig.MinBytes: 4194304 is more than MaxBytes, 2097152
}

// A source that reads text has a Cutter make entries of it.
func ExampleCutter() {
	b := batch.New(nil, batch.Labels{})
	text := b.Buffer(64)
	text = text[:copy(text, "one\r\nanother one\nthe beginning of")]
	used := batch.Cutter{MaxLine: 7}.AppendShared(b, text)
	for _, e := range b.Entries {
		fmt.Printf("%q %v\n", e.Line, e.Attrs)
	}
	fmt.Printf("left: %q\n", text[used:])
	b.Settle(nil)
	// Output:
	// "one" []
	// "another" [{truncated true}]
	// left: "the beginning of"
}
