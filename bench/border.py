#!/usr/bin/env python3
"""Finds the size from which sendfile is cheaper than sending from memory, for each backend: the same
server, once told to send everything from memory and once nothing, on files of growing size. A ratio
above 1 says that memory costs more. Rounds are interleaved; the table shows medians of the ratios
within each round. docs/measuring.md explains the method."""

import argparse
import os
import statistics
import sys
import tempfile

from measure import Work, measure
from servers import Sluice

SIZES = [2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    arguments = parser.parse_args()
    binary = os.path.join(arguments.build, "sluice")
    with tempfile.TemporaryDirectory() as folder:
        root = os.path.join(folder, "root")
        os.mkdir(root)
        for size in arguments.sizes:
            with open(os.path.join(root, f"{size}.bin"), "wb") as out:
                out.write(os.urandom(size))
        print(f"{'bytes':>8}  {'backend':9} {'memory':>10} {'sendfile':>10}  memory / sendfile")
        for size in arguments.sizes:
            work = Work(f"{size}", f"{size} bytes", path=f"/{size}.bin", body=size)
            for backend in ("io_uring", "epoll"):
                servers = [Sluice(binary, backend, root, folder,
                                  arguments=("--memory-send-max", limit)).start()
                           for limit in ("1M", "0")]
                costs = []
                for number in range(arguments.rounds):
                    order = servers if number % 2 == 0 else servers[::-1]
                    found = {id(s): measure(work, s, arguments.seconds, folder)[0] for s in order}
                    costs.append([found[id(s)] for s in servers])
                for server in servers:
                    server.stop()
                if any(isinstance(cost, str) for pair in costs for cost in pair):
                    sys.exit(f"not a measurement: {costs}")
                memory, file = (statistics.median(pair[i] for pair in costs) for i in (0, 1))
                ratio = statistics.median(a / b for a, b in costs)
                print(f"{size:8}  {backend:9} {memory:7.2f} µs {file:7.2f} µs  {ratio:.2f}",
                      flush=True)


if __name__ == "__main__":
    main()
