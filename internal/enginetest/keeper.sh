# Keeps one engine: sh -c keeper.sh keeper BIN DIR CGROUP ENGINE.SH
#
# Its standard input is a pipe from the test process, whose end is the end of the engine, however the test process ended.
bin=$1 dir=$2 cgroup=$3 engine=$4

# When the first process of a PID namespace ends, the kernel kills all others in it: engine, containerd, shims and
# containers. With the last one its mount namespace goes, and all mounts in it.
unshare --pid --mount --fork "$bin/docker-init" -- sh -c "$engine" engine "$bin" "$dir" "$cgroup" ||
	echo "the keeper could not begin"

cat >/dev/null # the test wants to read why first
rm -rf "$dir"
find /sys/fs/cgroup -depth -type d \( -path "*/$cgroup" -o -path "*/$cgroup/*" \) -exec rmdir {} +
