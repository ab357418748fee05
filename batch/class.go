package batch

import "strconv"

// String returns "delivered", "throttled", "too large", "failed" or "inconclusive".
func (c Class) String() string {
	names := [...]string{"delivered", "throttled", "too large", "failed", "inconclusive"}
	if int(c) < len(names) {
		return names[c]
	}
	return "Class(" + strconv.Itoa(int(c)) + ")"
}
