# Sourced by the scripts beside it: the environment of a step, how one is run, and the steps they share.

# What the caller has set for its own builds must not change what is checked. -buildvcs=false also lets a checkout that
# belongs to another user build.
export GOFLAGS=-buildvcs=false GOWORK=off
unset GOOS GOARCH GOARM GOAMD64 GOARM64 GOEXPERIMENT GODEBUG GOTRACEBACK GOMEMLIMIT CGO_ENABLED
unset LOGFERRY_SOAK LOGFERRY_MATRIX LOGFERRY_LOKI_BIN

# Debian keeps logrotate where only root looks for programs.
export PATH=$PATH:/usr/sbin LOGFERRY_REQUIRE=logrotate${LOGFERRY_REQUIRE:+,$LOGFERRY_REQUIRE}

cache=${LOGFERRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/logferry}
mkdir -p "$cache"

running= # process group of the step under way

# end_running ends what an interrupted or failed step left behind: its process group only, which no other run shares.
end_running() {
	[[ -n $running ]] || return 0
	kill -TERM -- "-$running" 2>/dev/null || return 0
	for _ in {1..50}; do
		kill -0 -- "-$running" 2>/dev/null || return 0
		sleep 0.1
	done
	kill -KILL -- "-$running" 2>/dev/null || true
}
trap end_running EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# step runs a command under a heading. The first one that fails ends the script.
step() {
	local name=$1 start=$SECONDS status=0
	shift
	printf '\n=== %s\n' "$name"
	set -m # gives the step a process group
	(
		set -euo pipefail
		trap - EXIT INT TERM
		"$@"
	) </dev/null &
	running=$!
	set +m
	wait "$running" || status=$?
	end_running
	running=
	if ((status != 0)); then
		printf '=== %s: FAILED with status %d after %d s\n' "$name" "$status" $((SECONDS - start))
		exit "$status"
	fi
	printf '=== %s: ok, %d s\n' "$name" $((SECONDS - start))
}

# c_compiler makes sure of what the race detector needs to link.
c_compiler() {
	if [[ -z $(type -P gcc) ]]; then
		if [[ $EUID != 0 || -z $(type -P apt-get) ]]; then
			echo "gcc is missing, which go test -race needs"
			return 1
		fi
		apt-get update -qq
		DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends gcc libc6-dev
	fi
	gcc --version | head -n 1
	go version
}

# logrotate_program makes sure of what a test of source/tail rotates with.
logrotate_program() {
	[[ $(uname) == Linux ]] || return 0 # that test is for Linux only
	if [[ -z $(type -P logrotate) ]]; then
		if [[ $EUID != 0 || -z $(type -P apt-get) ]]; then
			echo "logrotate is missing, which go test ./source/tail needs"
			return 1
		fi
		apt-get update -qq
		DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends logrotate
	fi
	logrotate --version 2>&1 | head -n 1
}

# nested lists the directories of the modules inside the root one that have Go files.
nested() {
	local mod dir
	git ls-files --cached --others --exclude-standard -- '*/go.mod' | while read -r mod; do
		dir=$(dirname "$mod")
		[[ -z $(git ls-files --cached --others --exclude-standard -- "$dir/*.go") ]] || echo "$dir"
	done
}

# loki_binary names the Loki that this checkout tests against.
loki_binary() {
	local key
	key=$(cat internal/lokitest/go.sum internal/lokitest/go.mod | sha256sum)
	echo "$cache/loki-${key:0:16}"
}

# build_loki takes 10 minutes on two cores and 3 GB of memory, once for each version of internal/lokitest's dependencies.
build_loki() {
	local bin tmp
	bin=$(loki_binary)
	if [[ -x $bin ]]; then
		echo "$bin is there"
		return
	fi
	tmp=$(mktemp "$bin.XXXXXX")
	trap "rm -f '$tmp'" EXIT
	CGO_ENABLED=0 nice -n 10 go build -C internal/lokitest -trimpath -ldflags='-s -w' -o "$tmp" \
		github.com/grafana/loki/v3/cmd/loki
	chmod 755 "$tmp"
	mv "$tmp" "$bin" # whole or not at all, whoever else builds it now
	echo "built $bin"
}

# test_nested runs go test with the given arguments in every nested module, against the real Loki.
test_nested() {
	local dir
	LOGFERRY_LOKI_BIN=$(loki_binary)
	export LOGFERRY_LOKI_BIN LOGFERRY_REQUIRE=loki${LOGFERRY_REQUIRE:+,$LOGFERRY_REQUIRE}
	for dir in $(nested); do
		echo "--- $dir"
		go test -C "$dir" "$@" ./...
	done
}
