# shellcheck shell=sh
# To be sourced: sets Wine's prefix (WINEPREFIX, or one in the cache folder). A program that is bound to
# one CPU (SLUICE_WINE_CPU, or the one that ctest gave the test) uses a prefix of that CPU, and so its
# own wineserver.
if [ -n "$CTEST_RESOURCE_GROUP_0_CPU" ]; then
    SLUICE_WINE_CPU=${CTEST_RESOURCE_GROUP_0_CPU#id:}
    SLUICE_WINE_CPU=${SLUICE_WINE_CPU%%,*}
    unset CTEST_RESOURCE_GROUP_0_CPU # now in WINEPREFIX
fi
WINEPREFIX=${WINEPREFIX:-${XDG_CACHE_HOME:-${TMPDIR:-/tmp}}/sluice-wine}${SLUICE_WINE_CPU:+.$SLUICE_WINE_CPU}
export WINEPREFIX
