"""What a request costs a worker outside the kernel, in instructions: callgrind counts them exactly, so
that a change of one in a hundred shows on any machine. Run as

    python3 test_instructions.py /path/to/instructions BACKEND [--print]

The figures stand in figures.json, of a release build by Debian 12's compiler. A request that is dearer by
more than one per cent fails, and so does one that is cheaper: the figure in the tree is then out of date.
Change it in the commit that changes the cost, and say there why. --print prints what was counted."""

import json
import os
import re
import subprocess
import sys
import tempfile

FIGURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "figures.json")
REQUESTS = 1000
TOLERANCE = 0.01


def count(program, backend):
    with tempfile.TemporaryDirectory(prefix="sluice-instructions-") as work:
        out = os.path.join(work, "callgrind")
        run = subprocess.run(["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}",
                              "--toggle-collect=sluice::Reactor::turn(long)",
                              "--dump-before=mark", program, backend, str(REQUESTS)],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                             check=False, timeout=240)
        if run.returncode != 0:
            sys.exit(run.returncode)
        counts = {}
        for number, name in enumerate(run.stdout.split("\n")[:-1]):
            # The dumps before it are of what came before these requests.
            with open(f"{out}.{2 * number + 2}", encoding="utf-8", errors="replace") as dump:
                total = re.search(r"^summary: (\d+)", dump.read(), re.M)
            counts[name] = round(int(total.group(1)) / REQUESTS)
        return counts


def main():
    program, backend, *options = sys.argv[1:]
    counts = count(program, backend)
    if options == ["--print"]:
        print(json.dumps({backend: counts}, indent=2))
        return
    with open(FIGURES, encoding="ascii") as text:
        figures = json.load(text)[backend]
    wrong = {name for name in figures.keys() | counts.keys()
             if abs(counts.get(name, 0) / figures.get(name, 1) - 1) > TOLERANCE}
    for name in sorted(figures.keys() | counts.keys()):
        print(f"{'DIFFERS' if name in wrong else 'as before'}: {name}: {counts.get(name)} "
              f"instructions, {figures.get(name)} in figures.json")
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
