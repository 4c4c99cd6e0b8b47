# SPDX-License-Identifier: MIT
# Shared by the set-up scripts: one way to speak, one way to become root, one way to call apt.

if [ -t 2 ]; then
	say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
else
	say() { printf '==> %s\n' "$*" >&2; }
fi

die() { printf 'pciem: %s\n' "$*" >&2; exit 1; }

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		die "this step needs root: run it as root, or install sudo ($*)"
	fi
}

apt_update() { # once a set-up is enough
	[ -z "${PCIEM_APT_UPDATED:-}" ] || return 0
	export PCIEM_APT_UPDATED=1
	say "refreshing the package lists"
	as_root apt-get -qq update || say "some package lists could not be refreshed; going on with those at hand"
}

apt_install_quietly() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@" >/dev/null
}

# A stale list names packages that the mirror no longer has: one refresh, one retry.
apt_install() {
	say "installing $*"
	apt_install_quietly "$@" || { apt_update; apt_install_quietly "$@"; } ||
		die "could not install: $* (see apt's message above)"
}

guest_releases() { # [SERIES]: the guest kernels in the cache
	for stamp in "${PCIEM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pciem}/kernels/${1:+$1.}"*/.complete; do
		[ -e "$stamp" ] || die "no such guest kernel in the cache; run \`make setup\`"
		basename "$(dirname "$stamp")"
	done
}

headers_of() { # RELEASE
	unpacked=${PCIEM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pciem}/kernels/$1/lib/modules/$1/build
	for candidate in "$unpacked" "/lib/modules/$1/build" "/usr/src/linux-headers-$1"; do
		[ ! -e "$candidate/Makefile" ] || { echo "$candidate"; return; }
	done
	die "no headers for $1; run \`make setup\`, or \`apt-get install linux-headers-$1\`"
}

build_modules() { # RELEASE FOLDER: what the folder's Kbuild says
	headers=$(headers_of "$1") || exit
	make -s -C "$headers" "M=$PWD/$2" CONFIG_DEBUG_INFO_BTF_MODULES= ${W:+W=$W} -j"$(nproc)" modules >&2
}

# The list of long runs does not count: a run that goes on where it was has written into it.
this_commit() {
	commit=$(git describe --always 2>/dev/null) || commit=unknown
	git diff --quiet HEAD -- . ':!docs/soak.md' 2>/dev/null || commit=$commit-dirty
	echo "$commit"
}

# A row in the list of long runs.
note_run() { # NAME KERNEL CPUS WHAT
	[ -e docs/soak.md ] || printf '# Long runs\n\n`make soak`, `make soak-replays`, `make soak-deterministic`, `make fuzz`, `make fuzz-trace` and `make test-kasan` add a row for each run that passed.\n\n| date | commit | run | kernel | CPUs | what happened |\n|---|---|---|---|---|---|\n' >docs/soak.md
	printf '| %s | %s | %s | %s | %s | %s |\n' "$(date -I)" "$(this_commit)" "$@" >>docs/soak.md
}
