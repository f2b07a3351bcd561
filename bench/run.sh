#!/usr/bin/env bash
# run.sh - measures Tacit beside its bare parts and prints one table; nothing depends on the outcome.
#
#   bench/run.sh [--quick] [--json FILE]     TACIT_BIN names the folder of the programs
#
# The mesh that it launches lives in a temporary folder and goes down with it, also on ^C.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

case ${1:-} in --help | -h) sed -n '2,6s/^# \{0,1\}//p' run.sh; exit 0 ;; esac
bin=${TACIT_BIN:?the folder of the programs}
[ -z "${OLDPWD:-}" ] || export BENCH_FROM=$OLDPWD
work=$(mktemp -d "${TMPDIR:-/tmp}/tacit-bench.XXXXXX")
export TACIT_STATE=$work/state

finish() {
    local code=$?
    trap - EXIT
    "$bin/tacit-operator" down >/dev/null 2>&1 || true
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

/usr/bin/python3 report.py --bin "$bin" --work "$work" "$@"
