#!/bin/sh
# SPDX-License-Identifier: MIT
# test-view.sh: the page that `pciem trace view` writes, in Chromium. Set-up leaves that large package out; this installs it.
set -eu

cd "$(dirname "$0")/.."
. scripts/common.sh
command -v chromium >/dev/null || apt_install chromium fonts-dejavu-core
exec npx vitest run --project view </dev/null
