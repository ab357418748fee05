//go:build unix

package tail

import (
	"io/fs"
	"os"
	"syscall"
)

// statPath follows symbolic links.
func statPath(path string) (fileInfo, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return fileInfo{}, err
	}
	return infoOf(fi), nil
}

func statFile(f *os.File) (fileInfo, error) {
	fi, err := f.Stat()
	if err != nil {
		return fileInfo{}, err
	}
	return infoOf(fi), nil
}

func infoOf(fi fs.FileInfo) fileInfo {
	info := fileInfo{size: fi.Size(), mtime: fi.ModTime().UnixNano(), links: 1, mode: fi.Mode()}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		info.id = identity{uint64(st.Dev), uint64(st.Ino)}
		info.links = uint64(st.Nlink)
	}
	return info
}

// openPath opens a file for reading. O_NONBLOCK keeps a FIFO that took the
// file's place from blocking the open.
func openPath(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// errNotFolder is what the system says of a path through something else.
const errNotFolder = syscall.ENOTDIR
