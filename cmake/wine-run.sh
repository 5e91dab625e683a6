#!/bin/sh
# Runs a Windows program under Wine without a display, in a prefix of its own (about 0.7 GB, made
# when first needed; WINEPREFIX says where).
#
# winedbg is switched off: with it a program that crashes ends with exit status 0 now and then, and
# a crashed test would pass. Without it an access violation is always 5.
: "${WINEPREFIX:=${XDG_CACHE_HOME:-${TMPDIR:-/tmp}}/sluice-wine}"
export WINEPREFIX LC_ALL=C.UTF-8 WINEDEBUG="${WINEDEBUG:--all}"
export WINEDLLOVERRIDES="mscoree,mshtml,winedbg.exe,winemenubuilder.exe="
unset DISPLAY WAYLAND_DISPLAY
if [ ! -e "$WINEPREFIX/.ready" ]; then
    mkdir -p "$WINEPREFIX"
    # Debian's Wine calls itself Windows 7 until told otherwise.
    (
        flock 9
        [ -e "$WINEPREFIX/.ready" ] || {
            wineboot -i && wine winecfg -v win10 && wineserver -w && : >"$WINEPREFIX/.ready"
        }
    ) 9>"$WINEPREFIX.lock" </dev/null >/dev/null 2>&1 || exit 125
fi
exec wine "$@"
