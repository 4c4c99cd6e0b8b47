#!/bin/sh
# SPDX-License-Identifier: MIT
# check-kernel.sh: what the kernel's own checkers say of kernel/: the compiler's further warnings (W=1), sparse,
# checkpatch. Silence is a pass.
set -eu

cd "$(dirname "$0")/.."
. scripts/common.sh
folder=build/check-kernel
mkdir -p "$folder"
command -v sparse >/dev/null || apt_install sparse

releases=$(guest_releases)
for release in $(echo "$releases" | sort -V); do
	say "W=1 and sparse for Linux $release"
	rm -rf "$folder/$release"
	cp -r kernel "$folder/$release"
	make -s -C "$(headers_of "$release")" "M=$PWD/$folder/$release" CONFIG_DEBUG_INFO_BTF_MODULES= \
		W=1 C=2 -j"$(nproc)" modules >"$folder/$release.log" 2>&1 || { cat "$folder/$release.log" >&2; die "kernel/ does not build for Linux $release"; }
	! grep "$folder/$release/.*\(warning\|error\):" "$folder/$release.log" >&2 || status=1
done

say "checkpatch"
sources=$(scripts/linux-source.sh "$release" scripts/checkpatch.pl scripts/spelling.txt scripts/const_structs.checkpatch)
# One source serves 6.1 to 6.12, so it has to ask which it is built for.
perl "$sources/scripts/checkpatch.pl" --no-tree --terse --show-types --ignore LINUX_VERSION_CODE,CONSTANT_COMPARISON \
	-f $(git ls-files 'kernel/*.[chS]' kernel/include) >"$folder/checkpatch.log" || status=1
grep -v '^total: ' "$folder/checkpatch.log" >&2 || true
exit ${status:-0}
