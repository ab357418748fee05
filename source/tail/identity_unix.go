//go:build unix

package tail

import (
	"io/fs"
	"os"
	"syscall"
)

// statPath follows symbolic links. Of what idle files cost it is the most, and
// os.Stat would make garbage of each.
func statPath(path string) (fileInfo, error) {
	var st syscall.Stat_t
	err := syscall.Stat(path, &st)
	for err == syscall.EINTR {
		err = syscall.Stat(path, &st)
	}
	if err != nil {
		return fileInfo{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return infoOf(&st), nil
}

func statFile(f *os.File) (fileInfo, error) {
	fi, err := f.Stat()
	if err != nil {
		return fileInfo{}, err
	}
	return infoOf(fi.Sys().(*syscall.Stat_t)), nil
}

func infoOf(st *syscall.Stat_t) fileInfo {
	info := fileInfo{
		id: identity{uint64(st.Dev), uint64(st.Ino)}, size: st.Size, mtime: mtimeOf(st), links: uint64(st.Nlink),
	}
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
	case syscall.S_IFDIR:
		info.mode = fs.ModeDir
	default:
		info.mode = fs.ModeIrregular // as far as matters here
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
