#!/bin/sh
# SPDX-License-Identifier: MIT
# check-kernel.sh: what the kernel's own checkers say of kernel/: the compiler's further warnings (W=1), sparse,
# checkpatch. Silence is a pass.
set -eu

cd "$(dirname "$0")/.."
. scripts/common.sh
cache=${PCIEM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pciem}
folder=build/check-kernel
mkdir -p "$folder"
command -v sparse >/dev/null || apt_install sparse

newest=
for stamp in "$cache"/kernels/*/.complete; do
	[ -e "$stamp" ] || die "no guest kernels in $cache/kernels; run \`make setup\`"
	release=$(basename "$(dirname "$stamp")")
	newest=$(printf '%s\n%s\n' "$newest" "$release" | sort -V | tail -n 1)
	say "W=1 and sparse for Linux $release"
	rm -rf "$folder/$release"
	cp -r kernel "$folder/$release"
	make -s -C "$cache/kernels/$release/lib/modules/$release/build" "M=$PWD/$folder/$release" CONFIG_DEBUG_INFO_BTF_MODULES= \
		W=1 C=2 -j"$(nproc)" modules >"$folder/$release.log" 2>&1 || { cat "$folder/$release.log" >&2; die "kernel/ does not build for Linux $release"; }
	! grep "$folder/$release/.*\(warning\|error\):" "$folder/$release.log" >&2 || status=1
done

say "checkpatch"
sources=$(scripts/linux-source.sh "$newest" scripts/checkpatch.pl scripts/spelling.txt scripts/const_structs.checkpatch)
# One source serves 6.1 to 6.12, so it has to ask which it is built for.
perl "$sources/scripts/checkpatch.pl" --no-tree --terse --show-types --ignore LINUX_VERSION_CODE,CONSTANT_COMPARISON \
	-f $(git ls-files 'kernel/*.[chS]' kernel/include) >"$folder/checkpatch.log" || status=1
grep -v '^total: ' "$folder/checkpatch.log" >&2 || true
exit ${status:-0}
