package container

import (
	"os"
	"slices"
	"strings"
)

// ownIDs returns the ids of the containers this process runs in: none, as a rule
// one, several if one runs within another. It asks the kernel, since host names
// can be chosen. Where there is no such file, as on anything but Linux, there is
// nothing to be found.
//
// With version 2 of cgroups a container that shares the network of another one
// looks from within as if it were that one, as docker mounts the other's files: it
// is not told apart then.
func ownIDs() []string {
	cgroup, _ := os.ReadFile("/proc/self/cgroup")
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	return parseOwn(string(cgroup), string(mounts))
}

// parseOwn finds ids in the contents of /proc/self/cgroup and
// /proc/self/mountinfo, see cgroups(7) and proc_pid_mountinfo(5).
//
// The paths of cgroups are certain, but are hidden from a container that has a
// cgroup namespace of its own, the default with version 2. The next best is a
// file that podman mounts, then those that engines mount for the network, which
// containers may have in common.
func parseOwn(cgroup, mounts string) []string {
	if ids := cgroupIDs(cgroup); len(ids) > 0 {
		return ids
	}
	if ids := mountedIDs(mounts, "/run/.containerenv"); len(ids) > 0 {
		return ids
	}
	return mountedIDs(mounts, "/etc/hostname", "/etc/hosts", "/etc/resolv.conf")
}

// cgroupIDs finds what looks like an id in lines "4:memory:/docker/<id>" or
// "0::/system.slice/docker-<id>.scope".
func cgroupIDs(cgroup string) (ids []string) {
	for line := range strings.Lines(cgroup) {
		if f := strings.SplitN(line, ":", 3); len(f) == 3 {
			ids = appendIDs(ids, f[2])
		}
	}
	return ids
}

// mountedIDs finds ids in what is mounted at one of the points. Only there:
// anything of other containers may be mounted elsewhere.
func mountedIDs(mounts string, points ...string) (ids []string) {
	for line := range strings.Lines(mounts) {
		// ID, parent, device, root within the file system, mount point, …
		if f := strings.Fields(line); len(f) > 4 && slices.Contains(points, f[4]) {
			ids = appendIDs(ids, f[3])
		}
	}
	return ids
}

// appendIDs appends the ids in path that ids does not have yet, each a word of its
// own.
func appendIDs(ids []string, path string) []string {
	for word := range strings.FieldsFuncSeq(path, func(r rune) bool {
		return !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
	}) {
		if isID(word) && !slices.Contains(ids, word) {
			ids = append(ids, word)
		}
	}
	return ids
}
