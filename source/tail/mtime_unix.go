//go:build unix && !darwin && !freebsd && !netbsd

package tail

import "syscall"

func mtimeOf(st *syscall.Stat_t) int64 {
	return int64(st.Mtim.Sec)*1e9 + int64(st.Mtim.Nsec)
}
