#!/bin/sh
# SPDX-License-Identifier: MIT
# check-licences.sh: every source file names its licence: GPL-2.0-only under kernel/ , in drivers (those of examples/ too) and in what compiles kernel/ in, MIT elsewhere.
set -eu

cd "$(dirname "$0")/.."
status=0
for file in $(git ls-files '*.c' '*.h' '*.S' '*.cc' '*.ts' '*.mjs' '*.js' '*.sh' '*Makefile' '*Kbuild' 'bin/*'); do
	case $file in
	kernel/include/uapi/*) want='GPL-2.0-only\( WITH Linux-syscall-note\)\?' ;;
	kernel/* | test/drivers/* | test/unit/decode/*.c | examples/*.c | examples/*Kbuild) want=GPL-2.0-only ;;
	*) want=MIT ;;
	esac
	head -n 3 "$file" | grep -q "SPDX-License-Identifier: $want\( \*/\)\?\$" || {
		echo "$file: its first lines do not say SPDX-License-Identifier: $want" >&2
		status=1
	}
done
exit $status
