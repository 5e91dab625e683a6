#!/bin/sh
# Keeps Wine awake between tests: up PROGRAM ROOT starts a server that nobody asks, down ends it and
# what Wine has running in this prefix. Nothing here holds a descriptor of the caller, or ctest would
# wait for it.
here=$(cd "$(dirname "$0")" && pwd)
: "${WINEPREFIX:=${XDG_CACHE_HOME:-${TMPDIR:-/tmp}}/sluice-wine}"
export WINEPREFIX
case $1 in
    up)
        sh "$here/wine-run.sh" "$2" --version </dev/null >/dev/null 2>&1 || exit 1
        sh "$here/wine-run.sh" "$2" serve "$3" --listen 127.0.0.1:0 </dev/null >/dev/null 2>&1 &
        sleep 1
        ;;
    down)
        wineserver -k </dev/null >/dev/null 2>&1
        exit 0
        ;;
    *) exit 2 ;;
esac
