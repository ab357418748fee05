package stamp

import "time"

// least and most bound the times that Epoch knows, in seconds: from March 1973 to
// the end of 2099.
const (
	least = 100_000_000
	most  = 4_102_444_799
)

// Epoch reads the number that text begins with as the time since 1970 in seconds,
// milliseconds, microseconds or nanoseconds, whichever its size suggests, and
// returns how many bytes long it is. It may have a fraction. What would be a time
// before March 1973 or after 2099 is none: it is a number of something else. 0 bytes:
// there is no such time.
func Epoch(text []byte) (t time.Time, n int) {
	n = run(text)
	if n < 9 || n > 19 {
		return time.Time{}, 0
	}
	var whole uint64
	for _, c := range text[:n] {
		whole = whole*10 + uint64(c-'0')
	}
	nanos, rest := fraction(text[n:], false)
	for unit := time.Second; unit > 0; unit /= 1000 {
		if perSecond := uint64(time.Second / unit); whole >= least*perSecond && whole <= most*perSecond {
			t = time.Unix(int64(whole/perSecond), int64(whole%perSecond)*int64(unit))
			return t.Add(time.Duration(nanos) * unit / time.Second).UTC(), len(text) - len(rest)
		}
	}
	return time.Time{}, 0
}
