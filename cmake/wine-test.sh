#!/bin/sh
# Runs a GoogleTest program through an emulator: it passes when its exit status is 0 *and* its last
# word is that tests passed. (A Windows program that another one ends under Wine has status 0.)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
. "$(dirname "$0")/wine-prefix.sh"
${SLUICE_WINE_CPU:+taskset -c "$SLUICE_WINE_CPU"} "$@" >"$log" 2>&1 </dev/null
status=$?
tr -d '\r' <"$log" | grep -vE '^\[ +(RUN|OK) +\]|^\[-+\]'
[ "$status" -eq 0 ] || exit "$status"
tr -d '\r' <"$log" | grep -qE '^\[  PASSED  \] [1-9][0-9]* tests?\.$'
