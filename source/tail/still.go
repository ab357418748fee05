package tail

import "time"

// shifts is how often names are looked at that change meanwhile.
const shifts = 8

// untilStill calls look until it reports that no name was changed meanwhile, and
// reports whether it did. Renaming twenty generations takes a rotator less than a
// millisecond, unless it is held up in the middle: the pauses between the looks
// become longer, a tenth of a second in all.
func untilStill(look func() bool) bool {
	pause := time.Duration(0)
	for range shifts {
		time.Sleep(pause)
		if look() {
			return true
		}
		pause = max(time.Millisecond, 2*pause)
	}
	return false
}
