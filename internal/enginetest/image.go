package enginetest

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// chatter is the program that runs in containers, and what it is called there.
const (
	chatterPackage = "github.com/logferry/logferry/internal/enginetest/chatter"
	chatterName    = "chatter"
	chatterImage   = "logferry/chatter:1"
)

// build builds the program into dir; it is a static one. The tests of this module are run by a Go that can do it.
func build(ctx context.Context, dir string) (string, error) {
	program := filepath.Join(dir, chatterName)
	cmd := exec.CommandContext(ctx, "go", "build", "-race=false", "-trimpath", "-ldflags=-s -w", "-o", program, chatterPackage)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", chatterPackage, err, out)
	}
	return program, nil
}

// layer returns a file system that holds the program alone, as a tar archive.
func layer(program string) ([]byte, error) {
	content, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: chatterName, Mode: 0o755, Size: int64(len(content))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	return b.Bytes(), w.Close()
}
