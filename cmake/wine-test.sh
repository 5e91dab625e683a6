#!/bin/sh
# Runs a GoogleTest program through an emulator. It passes when its exit status is 0 and its last line
# says that tests passed. (Under Wine, a Windows program that another one kills has status 0.)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
. "$(dirname "$0")/wine-prefix.sh"
${SLUICE_WINE_CPU:+taskset -c "$SLUICE_WINE_CPU"} "$@" >"$log" 2>&1 </dev/null
status=$?
tr -d '\r' <"$log" | grep -vE '^\[ +(RUN|OK) +\]|^\[-+\]'
[ "$status" -eq 0 ] || exit "$status"
tr -d '\r' <"$log" | grep -qE '^\[  PASSED  \] [1-9][0-9]* tests?\.$'
