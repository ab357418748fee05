package record

import "time"

// Multiline says which lines make one entry: it is a field of the Config of
// sources. The zero value joins none.
//
// An entry is held back while lines that belong to it may follow. It stays
// unacknowledged until then, and is read again after a restart. It is delivered
// as it is when Timeout is over, and sooner where the source says so.
type Multiline struct {
	// Rule says which lines belong together. See [Rule] for those there are.
	Rule Rule
	// MaxLines is how many lines make an entry at most: 1000 by default. The
	// next one begins another entry. The longest line of the source is how long
	// an entry can be, too: a line that would make it longer begins another one.
	MaxLines int
	// Timeout is how long an entry is held back, and how far apart in time
	// lines that carry times can be, to be joined: 1 s by default.
	Timeout time.Duration
}
