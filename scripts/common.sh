# SPDX-License-Identifier: MIT
# Shared by the set-up scripts: one way to speak, one way to become root, one way to call apt.

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
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

apt_update() { # once a run is enough
	[ -z "${apt_updated:-}" ] || return 0
	apt_updated=1
	say "refreshing the package lists"
	as_root apt-get -qq update || say "some package lists could not be refreshed; going on with those at hand"
}

# A stale list names packages that the mirror no longer has: one refresh, one retry.
apt_install() {
	say "installing $*"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null || {
		apt_update
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null ||
			die "could not install: $* (see apt's message above)"
	}
}
