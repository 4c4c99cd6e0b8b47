#!/bin/sh
# SPDX-License-Identifier: MIT
# test.sh: the unit tests, then the kernel tests; the last line is `N passed, N failed`.
set -u

cd "$(dirname "$0")/.."
. scripts/common.sh
results=build/test-results
rm -rf "$results"
mkdir -p "$results"

for project in unit kernel; do
	say "$project tests"
	npx vitest run --project "$project" --reporter=verbose --reporter=json --outputFile.json="$results/$project.json" </dev/null
done
exec node scripts/sum-up-tests.mjs "$results/unit.json" "$results/kernel.json"
