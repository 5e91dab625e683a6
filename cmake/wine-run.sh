#!/bin/sh
# Runs a Windows program under Wine without a display, in its own prefix (about 0.7 GB, made when first
# needed; wine-prefix.sh says where).
#
# winedbg is disabled: with it a program that crashes sometimes ends with exit status 0, and a crashed
# test would pass. Without it an access violation always gives 5.
. "$(dirname "$0")/wine-prefix.sh"
export LC_ALL=C.UTF-8 WINEDEBUG="${WINEDEBUG:--all}"
export WINEDLLOVERRIDES="mscoree,mshtml,winedbg.exe,winemenubuilder.exe="
unset DISPLAY WAYLAND_DISPLAY
# Wine's loader has a fixed address. Once in some thousand starts the kernel's random heap address
# collides with Wine's mapping at 0x7ffe0000. Wine then ends with 1, and only WINEDEBUG=err+all says why.
plain='setarch -R'
$plain true 2>/dev/null || plain=
if [ ! -e "$WINEPREFIX/.ready" ]; then
    mkdir -p "$WINEPREFIX"
    # Debian's Wine reports Windows 7 by default.
    (
        flock 9
        [ -e "$WINEPREFIX/.ready" ] || {
            $plain wineboot -i && $plain wine winecfg -v win10 && wineserver -w && : >"$WINEPREFIX/.ready"
        }
    ) 9>"$WINEPREFIX.lock" </dev/null >/dev/null 2>&1 || exit 125
fi
exec $plain wine "$@"
