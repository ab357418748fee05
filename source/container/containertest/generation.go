package containertest

import (
	"strconv"
	"strings"
)

// A Generation is a kind of engine: engines before 23.0 read their logs
// differently from those since.
type Generation int

const (
	// Gen26 stands for the engines since 23.0. It answers as 26.1 does, and
	// speaks the API from 1.24 to 1.45. It is the zero value.
	Gen26 Generation = iota
	// Gen20 stands for the engines before. It answers as 20.10 does, and speaks
	// the API from 1.12 to 1.41.
	Gen20
)

// String returns the engine's release, for the names of tests.
func (g Generation) String() string { return "engine " + g.release() }

// release is the engine's version.
func (g Generation) release() string {
	if g == Gen20 {
		return "20.10.24"
	}
	return "26.1.5"
}

// newest is the newest version of the API it speaks.
func (g Generation) newest() version {
	if g == Gen20 {
		return version{1, 41}
	}
	return version{1, 45}
}

// oldest is the oldest one.
func (g Generation) oldest() version {
	if g == Gen20 {
		return version{1, 12}
	}
	return version{1, 24}
}

// A version is one of the API.
type version struct{ major, minor int }

func (v version) String() string { return strconv.Itoa(v.major) + "." + strconv.Itoa(v.minor) }

func (v version) less(w version) bool {
	return v.major < w.major || v.major == w.major && v.minor < w.minor
}

// parseVersion reads what stands after the v of a path: 1.41.
func parseVersion(s string) (version, bool) {
	major, minor, ok := strings.Cut(s, ".")
	a, err := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	return version{a, b}, ok && err == nil && err2 == nil
}
