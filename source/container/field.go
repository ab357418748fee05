package container

import "strings"

// labelField is how a Field begins that is a label of the container.
const labelField = "label."

// known reports whether containers have a field f.
func (f Field) known() bool {
	switch f {
	case "id", "name", "image", "compose.project", "compose.service":
		return true
	}
	key, ok := strings.CutPrefix(string(f), labelField)
	return ok && key != ""
}

// of returns what f is of s, as the engine has it; "" if s has no such thing.
//
// The names of compose's labels are those of docker compose, which podman-compose
// sets too, beside its own; older versions of the latter set some only.
func (f Field) of(s *summary) string {
	switch f {
	case "id":
		return s.id
	case "name":
		return s.name
	case "image":
		return s.image
	case "compose.project":
		return first(s.labels["com.docker.compose.project"], s.labels["io.podman.compose.project"])
	case "compose.service":
		return first(s.labels["com.docker.compose.service"], s.labels["io.podman.compose.service"])
	}
	return s.labels[strings.TrimPrefix(string(f), labelField)]
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
