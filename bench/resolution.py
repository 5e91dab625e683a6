"""What can `sluice compare` tell apart on this machine?

    python3 bench/resolution.py build/release/sluice [--runs 10] [--rounds 12] [--duration 1s]
                                [--difference 3] [--priority ordinary]

runs a null server against itself (A/A) as often as --runs says, and then as often with a known
difference: the second does extra work for each answer, --difference per cent of what an answer costs
here. Each run is a whole comparison of two, with its verdict. For both it prints how many runs claimed
a difference, and which, the ratios, half of their intervals, and how long a run took.

Wanted: A/A claims a difference in at most 5 % of the runs, and 95 % of its ratios are within 2 % of 1;
at least 9 of 10 runs with the difference claim it; a run takes at most three minutes. The machine
should have nothing else to do, or the load that it usually has; say which with the figures. Exit code
1 when something is not reached.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

FALSE_SHARE = 0.05
FLOOR = 0.02
FOUND_SHARE = 0.9
RUN_SECONDS = 180


def self_test(options, *more):
    """The trials of one call, and the seconds that each took."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "result.json")
        began = time.monotonic()
        command = [options.sluice, "compare", "--aa", str(options.runs), "--servers", "floor_epoll",
                   "--only", options.scenario, "--rounds", str(options.rounds), "--duration",
                   options.duration, "--priority", options.priority, "--json", path, *more]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if done.returncode not in (0, 3):
            sys.exit(f"{' '.join(command)}: exit code {done.returncode}")
        took = (time.monotonic() - began) / options.runs
        with open(path, encoding="utf-8") as text:
            result = json.load(text)
    return result, result["self_tests"][0], took


def show(name, test, took):
    trials = test["trials"]
    ratios = sorted(trial["ratio"] for trial in trials)
    halves = sorted(math.sqrt(trial["high"] / trial["low"]) - 1 for trial in trials)
    verdicts = {verdict: sum(trial["verdict"] == verdict for trial in trials)
                for verdict in ("slower", "faster", "cannot tell")}
    print(f"{name}: {len(trials)} runs of {took:.0f} s, {test['cost'] / 1000:.2f} us for an answer")
    print("  verdicts: " + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()))
    print(f"  ratios: {ratios[0]:.4f} to {ratios[-1]:.4f}, median {statistics.median(ratios):.4f}")
    print(f"  half of the interval: median {statistics.median(halves):.2%}, widest {halves[-1]:.2%}")
    return verdicts


def main():
    parser = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description=__doc__)
    parser.add_argument("sluice")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--duration", default="1s")
    parser.add_argument("--difference", type=float, default=3, help="per cent")
    parser.add_argument("--scenario", default="page")
    parser.add_argument("--priority", default="ordinary")
    options = parser.parse_args()

    result, equal, took = self_test(options)
    machine = result["machine"]
    print(f"{machine['cpu']}, {machine['cpus']} CPUs, {machine['kernel']}; load "
          f"{os.getloadavg()[0]:.1f}; priority {result['priority']}")
    verdicts = show("A/A", equal, took)
    claims = verdicts["slower"] + verdicts["faster"]
    print(f"  noise floor: {equal['noise_floor']:.2%}")

    spin = max(1, round(equal["cost"] * options.difference / 100))
    _, different, longer = self_test(options, "--aa-spin", f"{spin}ns")
    found = show(f"with {spin} ns more ({options.difference:g} %)", different, longer)["slower"]

    # What chance may add to one in twenty, as in SelfTest::passed().
    allowed = FALSE_SHARE * options.runs + 2 * math.sqrt(FALSE_SHARE * (1 - FALSE_SHARE)
                                                         * options.runs)
    wanted = (("false claims", claims <= allowed, f"{claims} of {options.runs}"),
              ("noise floor", equal["noise_floor"] <= FLOOR, f"{equal['noise_floor']:.2%}"),
              ("found", found >= FOUND_SHARE * options.runs, f"{found} of {options.runs}"),
              ("time", max(took, longer) <= RUN_SECONDS, f"{max(took, longer):.0f} s"))
    for name, reached, figure in wanted:
        print(f"{'reached' if reached else 'MISSED '} {name}: {figure}")
    return 0 if all(reached for _, reached, _ in wanted) else 1


if __name__ == "__main__":
    sys.exit(main())
