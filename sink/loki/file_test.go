package loki

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A file that was changed a moment ago may change again without a sign; one that was changed long ago may not.
func TestFileIsReadUntilItsTimeTells(t *testing.T) {
	path := put(t, filepath.Join(t.TempDir(), "file"), []byte("one"))
	f := newFile("Field", path)
	read := func(force, want bool) {
		t.Helper()
		if got, err := f.load(force); err != nil || got != want {
			t.Errorf("read: %v, want %v; %v", got, want, err)
		}
	}
	read(false, true)
	read(false, true) // it is new
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	read(false, true)
	read(false, false)
	read(true, true)
	if err := os.Chtimes(path, old, old.Add(-time.Second)); err != nil { // it may be an older version that was put back
		t.Fatal(err)
	}
	read(false, true)
	read(false, false)
	if string(f.data) != "one" {
		t.Errorf("holds %q", f.data)
	}
}

func TestFileIsBounded(t *testing.T) {
	path := put(t, filepath.Join(t.TempDir(), "file"), nil)
	if err := os.Truncate(path, maxFile+1); err != nil {
		t.Fatal(err)
	}
	f := newFile("Field", path)
	if read, err := f.load(false); read || err == nil || !strings.Contains(err.Error(), "loki: Config.Field: "+path+": larger than 4 MiB") {
		t.Error(read, err)
	}
	if err := os.Truncate(path, maxFile); err != nil {
		t.Fatal(err)
	}
	if read, err := f.load(false); !read || err != nil || len(f.data) != maxFile {
		t.Error(read, err)
	}
}

// What looking at the files costs each request: a token and three files of TLS.
func BenchmarkRefresh(b *testing.B) {
	dir := b.TempDir()
	root := newAuthority(b, "root", nil)
	cert, key := pairPEM(b, root.issue("me"))
	old := time.Now().Add(-time.Hour)
	file := func(name string, content []byte) string {
		path := put(b, filepath.Join(dir, name), content)
		if err := os.Chtimes(path, old, old); err != nil {
			b.Fatal(err)
		}
		return path
	}
	s := newSink(b, "https://loki.example", func(c *Config) {
		c.BearerTokenFile = file("token", []byte("a token"))
		c.TLSConfig = TLSConfig{CAFile: file("ca", root.pem()), CertFile: file("cert", cert), KeyFile: file("key", key)}
	})
	b.ReportAllocs()
	for b.Loop() {
		s.refresh()
	}
}
