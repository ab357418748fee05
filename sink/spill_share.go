package sink

import "slices"

// A share is what a batch has of one window: the entries before end, and not before that of the share in front of it.
type share struct {
	at   *window
	end  int
	open int // of them, those that have not met their fate, or have and are not accounted for
}

// openOf is how many entries of shares are open.
func openOf(shares []share) (n int) {
	for i := range shares {
		n += shares[i].open
	}
	return n
}

// among returns how many of idx, which are sorted, are of each share.
func among(shares []share, idx []int32) []int {
	counts, before := make([]int, len(shares)), 0
	for i := range shares {
		n, _ := slices.BinarySearch(idx, int32(shares[i].end))
		counts[i], before = n-before, n
	}
	return counts
}
