//go:build race

package batch

// The race detector makes sync.Pool drop things at random.
const raceEnabled = true
