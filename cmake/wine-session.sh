#!/bin/sh
# Keeps Wine running between tests, for each CPU: `up PROGRAM ROOT CPU...` starts an unused server
# there, `down CPU...` ends it and Wine's processes in that prefix. Nothing here keeps a descriptor of
# the caller, or ctest would wait for it.
here=$(cd "$(dirname "$0")" && pwd)

up() { # program root: on SLUICE_WINE_CPU
    taskset -c "$SLUICE_WINE_CPU" sh "$here/wine-run.sh" "$1" --version || exit 1
    taskset -c "$SLUICE_WINE_CPU" sh "$here/wine-run.sh" "$1" serve "$2" --listen 127.0.0.1:0 &
    sleep 1
}

how=$1
shift
case $how in
    up)
        program=$1 root=$2
        shift 2
        waited=
        for cpu; do
            (SLUICE_WINE_CPU=$cpu && export SLUICE_WINE_CPU && up "$program" "$root") \
                </dev/null >/dev/null 2>&1 &
            waited="$waited $!"
        done
        for one in $waited; do wait "$one" || exit 1; done
        ;;
    down)
        for cpu; do
            (SLUICE_WINE_CPU=$cpu && . "$here/wine-prefix.sh" && wineserver -k) \
                </dev/null >/dev/null 2>&1
        done
        exit 0
        ;;
    *) exit 2 ;;
esac
