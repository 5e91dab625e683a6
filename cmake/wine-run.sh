#!/bin/sh
# Runs a Windows program under Wine without a display, in a prefix of its own (about 0.7 GB, made
# when first needed; wine-prefix.sh says where).
#
# winedbg is switched off: with it a program that crashes ends with exit status 0 now and then, and
# a crashed test would pass. Without it an access violation is always 5.
. "$(dirname "$0")/wine-prefix.sh"
export LC_ALL=C.UTF-8 WINEDEBUG="${WINEDEBUG:--all}"
export WINEDLLOVERRIDES="mscoree,mshtml,winedbg.exe,winemenubuilder.exe="
unset DISPLAY WAYLAND_DISPLAY
# Wine's loader has a fixed address, and the kernel's random place for its heap hits what Wine puts at
# 0x7ffe0000 once in some thousand starts: it ends with 1, and with a word for WINEDEBUG=err+all only.
plain='setarch -R'
$plain true 2>/dev/null || plain=
if [ ! -e "$WINEPREFIX/.ready" ]; then
    mkdir -p "$WINEPREFIX"
    # Debian's Wine calls itself Windows 7 until told otherwise.
    (
        flock 9
        [ -e "$WINEPREFIX/.ready" ] || {
            $plain wineboot -i && $plain wine winecfg -v win10 && wineserver -w && : >"$WINEPREFIX/.ready"
        }
    ) 9>"$WINEPREFIX.lock" </dev/null >/dev/null 2>&1 || exit 125
fi
exec $plain wine "$@"
