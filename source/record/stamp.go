package record

import (
	"time"

	"github.com/logferry/logferry/internal/stamp"
)

// ParseTime reads a time in the form of RFC 3339, section 5.6, without leap
// seconds, and returns it in UTC: the form in which container runtimes write
// when a line was logged. Sources call it for each line. Digits beyond
// nanoseconds are dropped. Unlike time.Time.UnmarshalText it allocates nothing
// when there is a zone offset.
func ParseTime(b []byte) (time.Time, bool) { return stamp.RFC3339(b) }

func digit(c byte) bool { return '0' <= c && c <= '9' }
