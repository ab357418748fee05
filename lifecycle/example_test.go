package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/logferry/logferry/lifecycle"
)

// A task that fails is run again, with waits that double; what it did comes out of OnEvent.
func Example() {
	app := lifecycle.New(lifecycle.Config{
		Name:    "app",
		OnEvent: func(e lifecycle.Event) { fmt.Println(e.Task, e.Kind, e.Err) },
	})
	attempts, connected := 0, make(chan struct{})
	reader := app.Child("sources").Start(lifecycle.Task{
		Name: "shop",
		Run: func(ctx context.Context) error {
			if attempts++; attempts < 3 {
				return errors.New("connection refused")
			}
			close(connected)
			<-ctx.Done()
			return nil
		},
		Restart: lifecycle.Restart{Min: time.Millisecond, Max: time.Minute},
	})
	<-connected
	fmt.Println("Close:", app.Close(context.Background()))
	fmt.Println("Err:", reader.Err())

	// Output:
	// app/sources/shop started <nil>
	// app/sources/shop restarting connection refused
	// app/sources/shop started <nil>
	// app/sources/shop restarting connection refused
	// app/sources/shop started <nil>
	// app/sources/shop finished <nil>
	// Close: <nil>
	// Err: <nil>
}

// Close tells the truth: it names what has not ended, and goes on waiting when it is called again.
func ExampleSupervisor_Close() {
	app := lifecycle.New(lifecycle.Config{Name: "app"})
	answer := make(chan struct{})
	app.Go("deaf", func(context.Context) error { <-answer; return nil })
	obedient := app.Go("obedient", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })

	// A service sets a limit in seconds. Here the patience lasts until one of the two has ended.
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-obedient.Done(); cancel() }()
	var stuck *lifecycle.StuckError
	if err := app.Close(ctx); errors.As(err, &stuck) {
		for _, task := range stuck.Running {
			fmt.Println("stuck:", task.Name)
		}
		fmt.Println("cause:", stuck.Cause)
	}

	close(answer)
	fmt.Println("Close:", app.Close(context.Background()))

	// Output:
	// stuck: app/deaf
	// cause: context canceled
	// Close: <nil>
}

// An essential task takes its Supervisor down with it. Whoever waits for the Supervisor learns why.
func ExampleTask_essential() {
	app := lifecycle.New(lifecycle.Config{Name: "app"})
	app.Go("worker", func(ctx context.Context) error { <-ctx.Done(); return nil })
	app.Start(lifecycle.Task{
		Name:      "license",
		Run:       func(context.Context) error { panic("expired") },
		Essential: true,
	})
	<-app.Context().Done()
	fmt.Println("cause:", context.Cause(app.Context()))
	fmt.Println("Close:", app.Close(context.Background()))

	// Output:
	// cause: lifecycle: app/license: panic: expired
	// Close: lifecycle: app/license: panic: expired
}

// A task's helpers end with it, and it joins them before it returns.
func ExampleSupervisor_ChildContext() {
	app := lifecycle.New(lifecycle.Config{Name: "app"})
	ready := make(chan struct{})
	reader := app.Go("reader", func(ctx context.Context) error {
		helpers := app.ChildContext(ctx, "reader")
		helpers.Go("watcher", func(ctx context.Context) error { <-ctx.Done(); return nil })
		close(ready)
		<-ctx.Done()
		return helpers.Close(context.Background())
	})
	<-ready
	fmt.Println("goroutines of the reader:", app.Count("app/reader"))
	reader.Stop()
	fmt.Println("Wait:", reader.Wait(context.Background()))
	fmt.Println("goroutines of the reader:", app.Count("app/reader"))
	fmt.Println("Close:", app.Close(context.Background()))

	// Output:
	// goroutines of the reader: 2
	// Wait: <nil>
	// goroutines of the reader: 0
	// Close: <nil>
}

// A task that looks at something now and then, and ends when it is told to.
func ExampleSleep() {
	sup := lifecycle.New(lifecycle.Config{})
	looked := make(chan struct{})
	sup.Go("look", func(ctx context.Context) error {
		fmt.Println("looked")
		close(looked)
		for lifecycle.Sleep(ctx, time.Hour) {
			fmt.Println("looked again")
		}
		return nil
	})
	<-looked
	fmt.Println(sup.Close(context.Background()))
	// Output:
	// looked
	// <nil>
}
