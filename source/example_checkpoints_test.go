package source_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/logferry/logferry/source"
)

// Cursors in a file are there after a restart. The file is text, one line for each Save.
func ExampleNewFileCheckpoints() {
	dir, err := os.MkdirTemp("", "logferry")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx, path := context.Background(), filepath.Join(dir, "cursors")

	store, err := source.NewFileCheckpoints(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(store.Save(ctx, map[string]string{"shop.log": "4096"}, nil))
	fmt.Println(store.Save(ctx, map[string]string{"shop.log": "8192"}, nil))
	fmt.Println(store.Close())

	store, err = source.NewFileCheckpoints(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	if damage := store.Recovered(); damage != nil {
		fmt.Println("some lines will come again:", damage)
	}
	for name, cursor := range store.All(ctx) {
		fmt.Println(name, cursor)
	}
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// shop.log 8192
}

// The same store serves two pipelines in turn; it lasts as long as the process.
func ExampleMemCheckpoints() {
	store := source.MemCheckpoints()
	ctx := context.Background()
	fmt.Println(store.Save(ctx, map[string]string{"shop.log": "4096", "till.log": "0"}, nil))
	fmt.Println(store.Save(ctx, nil, []string{"till.log"}))
	for name, cursor := range store.All(ctx) {
		fmt.Println(name, cursor)
	}
	// Output:
	// <nil>
	// <nil>
	// shop.log 4096
}
