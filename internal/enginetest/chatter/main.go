// Chatter is what runs in a container: it plays the Script that its only argument holds as JSON. SIGTERM ends it at once.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/logferry/logferry/internal/enginetest/chat"
)

func main() {
	exit, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chatter:", err)
		exit = 125
	}
	os.Exit(exit)
}

func run() (exit int, err error) {
	var s chat.Script
	if len(os.Args) != 2 {
		return 0, fmt.Errorf("%d arguments", len(os.Args)-1)
	}
	if err := json.Unmarshal([]byte(os.Args[1]), &s); err != nil {
		return 0, err
	}
	// The container's id and the time: one that is started again is another run.
	host, err := os.Hostname()
	if err != nil {
		return 0, err
	}
	name := host + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	return s.Exit, s.Play(name, os.Stdout, os.Stderr)
}
