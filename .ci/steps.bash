# Sourced by the scripts beside it: the environment of a step, how one is run, and the steps they share.

# What the caller has set for its own builds must not change what is checked. -buildvcs=false also lets a checkout that
# belongs to another user build.
export GOFLAGS=-buildvcs=false GOWORK=off
unset GOOS GOARCH GOARM GOAMD64 GOARM64 GOEXPERIMENT GODEBUG GOTRACEBACK GOMEMLIMIT CGO_ENABLED
unset LOGFERRY_SOAK LOGFERRY_MATRIX LOGFERRY_LOKI_BIN LOGFERRY_ENGINES

# Debian keeps logrotate where only root looks for programs.
export PATH=$PATH:/usr/sbin LOGFERRY_REQUIRE=logrotate${LOGFERRY_REQUIRE:+,$LOGFERRY_REQUIRE}

cache=${LOGFERRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/logferry}
mkdir -p "$cache"

# The container engines to test with, and the Debian release that each is taken from: one of before 23.0, and one of after.
engines=(20.10/bookworm 26.1/trixie)
if [[ $(uname) == Linux ]]; then # elsewhere there are none
	for engine in "${engines[@]}"; do
		LOGFERRY_ENGINES=${LOGFERRY_ENGINES:+$LOGFERRY_ENGINES:}$cache/engine-${engine%/*}
	done
	export LOGFERRY_ENGINES LOGFERRY_REQUIRE=engine,$LOGFERRY_REQUIRE
fi

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

# container_engines makes sure of the engines that tests run for themselves. They are unpacked, not installed: an installed
# one is a service with a bridge of its own.
container_engines() {
	[[ $(uname) == Linux ]] || return 0
	if [[ $EUID != 0 || -z $(type -P apt-get) || ! -e /etc/debian_version ]]; then
		echo "tests run container engines, which need root, and are taken from Debian's packages: run this as root on Debian"
		return 1
	fi
	local engine missing=()
	for engine in "${engines[@]}"; do
		[[ -x $cache/engine-${engine%/*}/dockerd ]] || missing+=("$engine")
	done
	((${#missing[@]} == 0)) || fetch_engines "${missing[@]}"
	engine_libraries
	for engine in "${engines[@]}"; do
		"$cache/engine-${engine%/*}/dockerd" --version
	done
}

# fetch_engines downloads engines, each given as version/release, from the mirror that this machine uses, with lists and
# configuration of its own. runc and init are bookworm's for all: trixie's runc does not run on bookworm.
fetch_engines() {
	local tmp engine version release package dir mirror keys options
	tmp=$(mktemp -d "$cache/fetch.XXXXXX")
	trap "rm -rf '$tmp'" EXIT
	release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
		awk -v release="$release" '$1 == release && $2 == "main" && !n++ { print $3 }')
	for keys in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do [[ ! -e $keys ]] || break; done
	printf '%s\n' 'Types: deb' "URIs: ${mirror:-http://deb.debian.org/debian}" 'Suites: bookworm trixie' 'Components: main' \
		"Signed-By: $keys" 'Targets: Packages' >"$tmp/debian.sources"
	mkdir -p "$tmp"/{lists,cache,debs}
	options=(-qq -o "Dir::Etc::SourceList=$tmp/debian.sources" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$tmp/lists"
		-o "Dir::Cache=$tmp/cache" -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any -o Acquire::Retries=3)
	apt-get "${options[@]}" update
	for engine in "$@"; do
		version=${engine%/*} release=${engine#*/} dir=$tmp/engine-$version
		mkdir -p "$tmp/debs/$version" "$dir"
		(cd "$tmp/debs/$version" && apt-get "${options[@]}" download \
			"docker.io/$release" "containerd/$release" runc/bookworm tini/bookworm)
		for package in "$tmp/debs/$version"/*.deb; do dpkg -x "$package" "$tmp/root-$version"; done
		(cd "$tmp/root-$version/usr" && cp sbin/dockerd bin/containerd bin/containerd-shim-runc-v2 sbin/runc "$dir")
		cp "$tmp/root-$version/usr/bin/tini-static" "$dir/docker-init"
		# Whole or not at all, whoever else fetches it now.
		mv -T "$dir" "$cache/engine-$version" || [[ -x $cache/engine-$version/dockerd ]]
		echo "fetched $(basename -a "$tmp/debs/$version"/*.deb | tr '\n' ' ')"
	done
}

# engine_libraries makes sure of what the engines' programs are linked with.
engine_libraries() {
	local missing
	missing=$(ldd "$cache"/engine-*/{dockerd,containerd,runc} | grep 'not found' || true)
	if [[ -n $missing ]]; then
		apt-get update -qq
		DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends libdevmapper1.02.1 libseccomp2 libsystemd0
	fi
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

# with_loki has tests run against the real Loki.
with_loki() {
	LOGFERRY_LOKI_BIN=$(loki_binary)
	export LOGFERRY_LOKI_BIN LOGFERRY_REQUIRE=loki${LOGFERRY_REQUIRE:+,$LOGFERRY_REQUIRE}
}

# test_nested runs go test with the given arguments in every nested module, against the real Loki.
test_nested() {
	local dir
	with_loki
	for dir in $(nested); do
		echo "--- $dir"
		go test -C "$dir" "$@" ./...
	done
}
