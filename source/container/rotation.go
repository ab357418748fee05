package container

import (
	"math"
	"strconv"
	"strings"
)

// noRotation is the size of a log that never is rotated.
const noRotation = math.MaxInt64

// rotation is the size at which the engine rotates a container's log, in bytes.
// The defaults are those of the drivers: json-file does not rotate by itself,
// and the others write to, or keep for reading, files of 20 MB.
func rotation(d *details) int64 {
	size := d.options["max-size"]
	if d.driver != "json-file" {
		const local = 20 << 20
		if d.driver != "local" {
			size = d.options["cache-max-size"]
		}
		if n := parseSize(size); n > 0 {
			return n
		}
		return local
	}
	if n := parseSize(size); n > 0 {
		return n
	}
	return noRotation
}

// parseSize reads a number of bytes in the form that drivers take (RAMInBytes of
// go-units); 0 if it is none.
func parseSize(text string) int64 {
	text = strings.ToLower(strings.TrimSpace(text))
	digits := strings.TrimRight(text, "ibkmgtp ")
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || n <= 0 {
		return 0
	}
	if unit := strings.TrimSpace(text[len(digits):]); unit != "" {
		n *= math.Pow(1024, float64(strings.IndexByte("bkmgtp", unit[0])))
	}
	return int64(min(n, math.MaxInt64/2))
}
