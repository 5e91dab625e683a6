# shellcheck shell=sh
# To be sourced: where Wine's prefix is (WINEPREFIX, or one in the cache folder). What runs on one CPU
# only, SLUICE_WINE_CPU or the one that ctest gave the test, has a prefix of that CPU's, and with it a
# wineserver.
if [ -n "$CTEST_RESOURCE_GROUP_0_CPU" ]; then
    SLUICE_WINE_CPU=${CTEST_RESOURCE_GROUP_0_CPU#id:}
    SLUICE_WINE_CPU=${SLUICE_WINE_CPU%%,*}
    unset CTEST_RESOURCE_GROUP_0_CPU # now in WINEPREFIX
fi
WINEPREFIX=${WINEPREFIX:-${XDG_CACHE_HOME:-${TMPDIR:-/tmp}}/sluice-wine}${SLUICE_WINE_CPU:+.$SLUICE_WINE_CPU}
export WINEPREFIX
