package container

import "strings"

// idSize is how many hexadecimal digits the id of a container has.
const idSize = 64

// isID reports whether name is the id of a container. Streams that have another
// name are not those of followers.
func isID(name string) bool {
	return len(name) == idSize && strings.Trim(name, "0123456789abcdef") == ""
}

// short is an id as it is usually shown.
func short(id string) string { return id[:min(len(id), 12)] }
