package nxtail

import (
	"io/fs"
	"syscall"
)

func identityOf(fi fs.FileInfo) identity {
	st := fi.Sys().(*syscall.Stat_t)
	return identity{uint64(st.Dev), st.Ino}
}
