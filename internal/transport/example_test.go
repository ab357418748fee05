package transport_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/logferry/logferry/internal/transport"
)

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer server.Close()

	t := transport.New(transport.Config{Owner: "example", MaxIdle: 1})
	req, _ := http.NewRequest(http.MethodGet, server.URL, nil)
	resp, err := t.RoundTrip(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	fmt.Println(string(body))

	fmt.Println(t.Open(), t.Close(context.Background()), t.Open())
	// Output:
	// hello
	// 1 <nil> 0
}
