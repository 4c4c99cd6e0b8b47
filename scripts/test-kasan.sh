#!/bin/sh
# SPDX-License-Identifier: MIT
# test-kasan.sh [FILE...]: the kernel tests on the debug kernel, all of them unless told.
# It is many times slower than a guest of Debian's: so are the tests' time limits.
set -eu

cd "$(dirname "$0")/.."
. scripts/common.sh
release=$(basename "$(scripts/debug-kernel.sh)")
scripts/build-module.sh "$release"
results=build/test-results/kasan.json
mkdir -p "$(dirname "$results")"
rm -f "$results"
PCIEM_TEST_KERNELS=$release PCIEM_TEST_POINTS= PCIEM_TEST_SMP=${PCIEM_TEST_SMP:-2} PCIEM_TEST_PATIENCE=${PCIEM_TEST_PATIENCE:-6} \
	npx vitest run --project kernel --reporter=verbose --reporter=json --outputFile.json="$results" "$@" </dev/null || true
sum=$(node scripts/sum-up-tests.mjs "$results") || { echo "$sum"; exit 1; }
echo "$sum"
[ $# -gt 0 ] || note_run test-kasan "$release" "${PCIEM_TEST_SMP:-2}" "$(echo "$sum" | tail -n 1)"
