//go:build race

package slogsource

// The race detector makes sync.Pool drop things at random.
const raceEnabled = true
