//go:build race

package tail

// The race detector makes everything several times slower.
const raceEnabled = true
