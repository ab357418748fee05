package containertest_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/logferry/logferry/source/container/containertest"
)

// A client reaches the engine by dialling it.
func Example() {
	e := containertest.New(containertest.Config{})
	defer e.Close()
	shop := e.Create(containertest.Spec{Name: "shop", Tty: true})
	shop.Start()
	shop.Print("open")
	shop.Exit(0)

	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return e.Dial(ctx) },
	}}
	defer client.CloseIdleConnections()
	response, err := client.Get("http://engine/containers/shop/logs?stdout=1&follow=1")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	fmt.Printf("%q %v\n", text, err)
	// Output: "open\r\n" <nil>
}

// The second request for the log of shop is cut three bytes into its eleventh
// frame, and every list of containers fails.
func ExampleEngine_Inject() {
	e := containertest.New(containertest.Config{})
	defer e.Close()
	e.Inject(containertest.Fault{On: containertest.Logs, Container: "shop", Skip: 1, Frames: 10, After: 3,
		Do: containertest.Cut()})
	e.Inject(containertest.Fault{On: containertest.List, Count: -1, Do: containertest.Status(503, "busy")})
}

// What follows the log of shop gets one more frame, and then hears nothing more. The
// engine was gone before, so that nothing does.
func ExampleEngine_Strike() {
	e := containertest.New(containertest.Config{Generation: containertest.Gen20})
	defer e.Close()
	shop := e.Create(containertest.Spec{Name: "shop"})
	shop.Start()
	e.Restart(true, time.Millisecond)
	n := e.Strike(containertest.Fault{On: containertest.Follow, Container: "shop", Frames: 1, Do: containertest.Silence()})
	fmt.Println(n, "follow it")
	// Output: 0 follow it
}

// What the engine retains is what must have been delivered.
func ExampleContainer_Retained() {
	e := containertest.New(containertest.Config{})
	defer e.Close()
	shop := e.Create(containertest.Spec{MaxSize: 100, MaxFiles: 2})
	shop.Start()
	for i := range 6 {
		shop.Print(fmt.Sprintf("a line of the log that takes some room, the one with the number %d", i))
	}
	for _, line := range shop.Retained() {
		fmt.Printf("%s\n", line.Text)
	}
	// Output:
	// a line of the log that takes some room, the one with the number 4
	// a line of the log that takes some room, the one with the number 5
}
