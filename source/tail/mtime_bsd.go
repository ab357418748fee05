//go:build darwin || freebsd || netbsd

package tail

import "syscall"

func mtimeOf(st *syscall.Stat_t) int64 {
	return int64(st.Mtimespec.Sec)*1e9 + int64(st.Mtimespec.Nsec)
}
