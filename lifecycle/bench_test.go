package lifecycle_test

import (
	"context"
	"fmt"
	"testing"

	. "github.com/logferry/logferry/lifecycle"
)

func BenchmarkStartAndFinish(b *testing.B) {
	b.ReportAllocs()
	s := New(Config{Name: "app"})
	run := func(context.Context) error { return nil }
	for b.Loop() {
		<-s.Go("task", run).Done()
	}
	s.Close(b.Context())
}

// BenchmarkGoStatement is the floor: a goroutine and a channel that tells of its end.
func BenchmarkGoStatement(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		done := make(chan struct{})
		go func() { close(done) }()
		<-done
	}
}

func BenchmarkStartParallel(b *testing.B) {
	b.ReportAllocs()
	s := New(Config{Name: "app"})
	run := func(context.Context) error { return nil }
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			<-s.Go("task", run).Done()
		}
	})
	s.Close(b.Context())
}

func tenThousand() *Supervisor {
	s := New(Config{Name: "app"})
	for i := range 10 {
		c := s.Child(fmt.Sprint("source", i))
		for j := range 1000 {
			c.Go(fmt.Sprint("file", j), untilDone)
		}
	}
	return s
}

func BenchmarkRunning10k(b *testing.B) {
	s := tenThousand()
	b.ReportAllocs()
	for b.Loop() {
		if len(s.Running()) != 10_000 {
			b.Fatal("some are missing")
		}
	}
	s.Close(b.Context())
}

func BenchmarkCount10k(b *testing.B) {
	s := tenThousand()
	b.ReportAllocs()
	for b.Loop() {
		if s.Count("app/source7") != 1000 {
			b.Fatal("some are missing")
		}
	}
	s.Close(b.Context())
}

func BenchmarkClose10k(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		s := tenThousand()
		b.StartTimer()
		if err := s.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
