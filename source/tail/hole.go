package tail

// nuls is how many NUL bytes data begins with. A file that is truncated while
// its writer keeps its position, having opened it without O_APPEND, begins with
// a hole; no log line does.
func nuls(data []byte) int {
	for i, c := range data {
		if c != 0 {
			return i
		}
	}
	return len(data)
}
