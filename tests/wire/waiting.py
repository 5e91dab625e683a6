"""Waits for a condition that a scene needs before it can go on."""

import time


def until(condition, what, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"{what} did not happen")
        time.sleep(0.02)
