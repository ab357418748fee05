package source

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestFileCheckpointsRefuses(t *testing.T) {
	good, _ := ckptFile1()
	rotten := bytes.Replace(good, []byte("4096"), []byte("4097"), 1) // in the snapshot
	for _, test := range []struct {
		name    string
		current []byte
		prev    []byte
		want    string
		damaged bool
	}{
		{"garbage", []byte("some other program's file\n"), nil, "does not begin with", true},
		{"empty", []byte{}, nil, "does not begin with", true},
		{"zeros", make([]byte, 4096), nil, "does not begin with", true},
		{"header only", appendHeader(nil, formatVersion), nil, "byte 32: it ends before the snapshot", true},
		{"half a header", good[:20], nil, "byte 0: ", true},
		{"snapshot rotten", rotten, nil, "byte 32: the checksum does not match", true},
		{"both rotten", rotten, rotten, "byte 32: the checksum does not match", true},
		{"previous empty", rotten, []byte{}, "does not begin with", true},
		{"only a rotten previous", nil, rotten, "it is missing", true},
		{"newer", append(appendHeader(nil, 2), good[32:]...), good, "format version 2", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "cursors")
			for name, data := range map[string][]byte{path: test.current, path + prevSuffix: test.prev} {
				if data != nil {
					if err := os.WriteFile(name, data, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			for range 2 { // the second time, too: nothing was reset, nor is it locked
				_, err := NewFileCheckpoints(path)
				if err == nil || errors.Is(err, ErrCheckpointsDamaged) != test.damaged ||
					!strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), test.want) {
					t.Fatalf("error %v, want one with %q and the path", err, test.want)
				}
				if test.damaged && !strings.Contains(err.Error(), "remove both") {
					t.Errorf("the error does not say what to do: %v", err)
				}
			}
			if !bytes.Equal(readOrNil(path), test.current) || !bytes.Equal(readOrNil(path+prevSuffix), test.prev) {
				t.Error("the files were changed")
			}
			wantFolder(t, path)
		})
	}
}

func TestFileCheckpointsRefusesPaths(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"":                                  "empty",
		sub:                                 "not a regular file",
		filepath.Join(dir, "none", "c"):     "folder",
		filepath.Join(file, "c"):            "file",
		filepath.Join(dir, "nul\x00", "cu"): "invalid",
	} {
		if runtime.GOOS == "windows" && path == filepath.Join(file, "c") {
			continue // its system says "not found" there
		}
		_, err := NewFileCheckpoints(path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), fmt.Sprintf("%q", path)) {
			t.Errorf("%q: error %v, want one with %q and the path", path, err, want)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestFileCheckpointsRecovers(t *testing.T) {
	good, state := ckptFile1()
	older := appendRecord(appendHeader(nil, formatVersion), map[string]string{"shop.log": "2048"}, nil)
	middle := append(bytes.Replace(good, []byte("8192"), []byte("8193"), 1), good[decodeFile(good).snapshot:]...)
	header := bytes.Replace(good, []byte("logferry"), []byte("logfairy"), 1)
	snapshot := bytes.Replace(good, []byte("4096"), []byte("4097"), 1)
	brokenPrev := append(bytes.Clone(older), "rot\nrot\n"...)
	first := map[string]string{"shop.log": "4096", "till.log": "0"}
	for _, test := range []struct {
		name          string
		current, prev []byte
		want          map[string]string
		report        []string // nil: nothing is reported
		torn          int64
	}{
		{"whole", good, older, state, nil, 0},
		{"unfinished line", good[:len(good)-1], older, first, nil, 56},
		{"last line rotten", bytes.Replace(good, []byte("8192"), []byte("8193"), 1), older, first, nil, 57},
		{"zeros at the end", append(bytes.Clone(good), make([]byte, 300)...), older, state, nil, 300},
		{"middle rotten", middle, older, first, []string{"byte 84", "first 1 records", damagedSuffix}, 0},
		{"middle rotten, alone", middle, nil, first, []string{"byte 84", "first 1 records", damagedSuffix}, 0},
		{"header rotten", header, older, map[string]string{"shop.log": "2048"}, []string{"byte 0", prevSuffix, damagedSuffix}, 0},
		{"snapshot rotten", snapshot, older, map[string]string{"shop.log": "2048"}, []string{"byte 32", prevSuffix, damagedSuffix}, 0},
		{"empty", []byte{}, good, state, []string{"byte 0", prevSuffix, damagedSuffix}, 0},
		{"missing", nil, older, map[string]string{"shop.log": "2048"}, []string{"missing", prevSuffix}, 0},
		{"both damaged", snapshot, brokenPrev, map[string]string{"shop.log": "2048"},
			[]string{"byte 32", "first 1 records", prevSuffix, fmt.Sprint("byte ", len(older)), damagedSuffix}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			image := map[string][]byte{"cursors.tmp": []byte("left"), "cursors.prev.tmp": nil, "cursors.damaged.tmp": nil}
			for name, data := range map[string][]byte{"cursors": test.current, "cursors.prev": test.prev} {
				if data != nil {
					image[name] = data
				}
			}
			path := filepath.Join(ckptFolder(t, image), "cursors")
			damaged := test.report != nil && test.current != nil
			for range 2 { // as long as nothing was saved, it opens the same way
				f := mustOpenCheckpoints(t, path, osDisk{})
				wantCursors(t, f, test.want)
				if f.Torn() != test.torn {
					t.Errorf("%d bytes torn, want %d", f.Torn(), test.torn)
				}
				err := f.Recovered()
				if (err != nil) != (test.report != nil) || err != nil && !errors.Is(err, ErrCheckpointsDamaged) {
					t.Fatalf("recovered: %v", err)
				}
				for _, part := range append(test.report, path) {
					if err != nil && !strings.Contains(err.Error(), part) {
						t.Errorf("the report does not say %q: %v", part, err)
					}
				}
				wantFolder(t, path)
				if kept := readOrNil(path + damagedSuffix); damaged != (kept != nil) || damaged && !bytes.Equal(kept, test.current) {
					t.Errorf("kept aside: %q", kept)
				}
				f.Close()
			}
			f := mustOpenCheckpoints(t, path, osDisk{})
			mustSave(t, f, map[string]string{"new": "1"})
			f.Close()
			g := mustOpenCheckpoints(t, path, osDisk{})
			want := maps.Clone(test.want)
			want["new"] = "1"
			wantCursors(t, g, want)
			if g.Recovered() != nil || g.Torn() != 0 {
				t.Errorf("after a Save: %v, %d bytes torn", g.Recovered(), g.Torn())
			}
			if damaged && !bytes.Equal(readOrNil(path+damagedSuffix), test.current) {
				t.Error("the damaged file is lost")
			}
			if test.report == nil && !bytes.Equal(readOrNil(path+prevSuffix), test.current) {
				t.Error("the file did not become the previous generation")
			}
			if damaged && test.prev != nil && !bytes.Equal(readOrNil(path+prevSuffix), test.prev) {
				t.Error("a damaged file took the place of the previous generation")
			}
		})
	}
}
