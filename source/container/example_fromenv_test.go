package container_test

import (
	"fmt"

	"github.com/logferry/logferry/source/container"
)

// An application that wants what docker's own programs do with the environment
// says so. The fields that the environment has nothing for stay as they are.
func ExampleFromEnv() {
	cfg, err := container.FromEnv(container.Config{Host: "unix:///run/user/1000/docker.sock"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg.Host != "")
	// Output: true
}
