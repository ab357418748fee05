package container

import (
	"fmt"
	"strconv"
	"strings"
)

// parseVersion reads a version such as 1.45.
func parseVersion(text string) (apiVersion, error) {
	first, second, _ := strings.Cut(text, ".")
	major, err := strconv.ParseUint(first, 10, 16)
	if err == nil {
		var minor uint64
		if minor, err = strconv.ParseUint(second, 10, 16); err == nil {
			return apiVersion{int(major), int(minor)}, nil
		}
	}
	return apiVersion{}, fmt.Errorf("container: ping: %q is no version of the API", brief(text))
}

// String returns v as it is written in requests.
func (v apiVersion) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

// less reports whether v is older than w.
func (v apiVersion) less(w apiVersion) bool {
	return v.major < w.major || v.major == w.major && v.minor < w.minor
}
