package tail

import (
	"io/fs"
	"os"
	"syscall"
)

// statPath follows symbolic links. The identity of a file can only be asked
// through a handle.
func statPath(path string) (fileInfo, error) {
	h, err := open(path, 0)
	if err != nil {
		return fileInfo{}, err
	}
	defer syscall.CloseHandle(h)
	return infoOf(h, path)
}

func statFile(f *os.File) (fileInfo, error) {
	return infoOf(syscall.Handle(f.Fd()), f.Name())
}

func infoOf(h syscall.Handle, path string) (fileInfo, error) {
	var d syscall.ByHandleFileInformation
	if err := syscall.GetFileInformationByHandle(h, &d); err != nil {
		return fileInfo{}, &fs.PathError{Op: "GetFileInformationByHandle", Path: path, Err: err}
	}
	info := fileInfo{
		id:    identity{uint64(d.VolumeSerialNumber), uint64(d.FileIndexHigh)<<32 | uint64(d.FileIndexLow)},
		size:  int64(d.FileSizeHigh)<<32 | int64(d.FileSizeLow),
		mtime: d.LastWriteTime.Nanoseconds(),
		links: uint64(d.NumberOfLinks),
	}
	if d.FileAttributes&syscall.FILE_ATTRIBUTE_DIRECTORY != 0 {
		info.mode |= fs.ModeDir
	}
	return info, nil
}

// openPath opens a file for reading and lets others rename and delete it
// meanwhile, which os.Open does not: a file that is followed must not be kept
// from being rotated.
func openPath(path string) (*os.File, error) {
	h, err := open(path, syscall.GENERIC_READ)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), path), nil
}

func open(path string, access uint32) (syscall.Handle, error) {
	p, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return syscall.InvalidHandle, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	const share = syscall.FILE_SHARE_READ | syscall.FILE_SHARE_WRITE | syscall.FILE_SHARE_DELETE
	h, err := syscall.CreateFile(p, access, share, nil, syscall.OPEN_EXISTING, syscall.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return syscall.InvalidHandle, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return h, nil
}

// errNotFolder is what the system says of a path through something else. As a
// rule it says that there is nothing.
const errNotFolder = syscall.ERROR_PATH_NOT_FOUND
