# Runs one engine in namespaces of its own: sh -c engine.sh engine BIN DIR CGROUP
#
# It reads commands from its standard input: start, which it answers with the engine's process id, and the name of a
# signal, which it sends to the engine and answers with its exit status.
bin=$1 dir=$2 cgroup=$3

mount --make-rprivate / && mount -t tmpfs tmpfs /run || exit
# The /proc of the test shows this namespace's processes by the ids they have there.
mkdir /run/proc && mount --bind /proc /run/proc && mount -t proc proc /proc || exit
# Engines leave a key in /etc/docker and a folder in /opt, whatever they are told: these are thrown away with /run.
for at in etc opt; do
	mkdir "/run/$at" "/run/$at.work" || exit
	mount -t overlay -o "lowerdir=/$at,upperdir=/run/$at,workdir=/run/$at.work" overlay "/$at" || exit
done
rm -rf /etc/docker # no configuration of the machine's
PATH=$bin:$PATH

# The network is left alone. vfs works on every file system; the image is one small file.
start() {
	read -r id _ </run/proc/self/stat
	echo "$id"
	exec dockerd --log-level=warn --bridge=none --iptables=false --ip6tables=false --ip-forward=false \
		--userland-proxy=false --live-restore --storage-driver=vfs \
		--exec-opt native.cgroupdriver=cgroupfs --cgroup-parent="/$cgroup" \
		--host="unix://$dir/docker.sock" --data-root="$dir/data" --exec-root="$dir/exec" --pidfile="$dir/docker.pid" \
		</dev/null >>"$dir/log" 2>&1
}

while read -r word; do
	case $word in
	start)
		start &
		pid=$!
		;;
	TERM | KILL)
		kill -"$word" "$pid"
		wait "$pid"
		echo "$?"
		;;
	esac
done

# What cgroup v1 has frozen does not die: a paused container.
for state in "/sys/fs/cgroup/freezer/$cgroup"/*/freezer.state; do
	[ ! -e "$state" ] || echo THAWED >"$state"
done
