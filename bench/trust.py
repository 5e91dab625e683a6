"""Can the load generator be believed, and what does it cost? The same `sluice serve` is asked by
`sluice bench` (on each backend, with all its measuring on), by wrk and by h2load, each on the other
CPU. Rounds are interleaved in rotating order, and ratios to wrk are taken within a round, so that
whatever the machine does meanwhile affects all alike. The table shows medians, and for the rate the
spread of wrk against itself, which a difference has to exceed.

    python3 bench/trust.py build/release/sluice

Where the generator is the slower end, the cheaper one gets more answers: rates are compared where the
server is the limit. --url takes such a server, which runs already, on CPU 0.

docs/bench.md shows the figures of one machine. Standard library only; Linux only."""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

PAGE_BYTES = 509
SERVER_CPU, GENERATOR_CPU = 0, 1


def pin(cpu):
    """For a child, between fork and exec."""
    return lambda: os.sched_setaffinity(0, {cpu})


class Server:
    """`sluice serve` of a directory on a free port, by one worker."""

    def __init__(self, binary, root):
        self.process = subprocess.Popen(
            [binary, "serve", root, "--listen", "127.0.0.1:0", "--workers", "1"],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=pin(SERVER_CPU))
        said = self.process.stderr.readline()
        found = re.search(r"http://\S+/", said)
        if not found:
            raise RuntimeError(f"sluice serve: {said}")
        self.url = found.group()

    def stop(self):
        self.process.terminate()
        self.process.communicate()


class Generator:
    """Something that loads a URL for a while and then says how many answers it got."""

    def __init__(self, name, command, answers):
        self.name, self.command, self.answers = name, command, answers

    def run(self, url, connections, seconds):
        """Answers, answers per second, and CPU microseconds per answer, of the whole process."""
        command = [part.format(url=url, c=connections, d=seconds) for part in self.command]
        with tempfile.TemporaryFile("w+") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=subprocess.STDOUT, preexec_fn=pin(GENERATOR_CPU))
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            text = out.read()
        if process.returncode != 0 and "sluice" not in self.name:
            raise RuntimeError(f"{self.name} ended with {process.returncode}: {text[-300:]}")
        count, rate = self.answers(text)
        return count, rate, (usage.ru_utime + usage.ru_stime) * 1e6 / count


def of_sluice(text):
    run = json.loads(text[text.index("{"):])
    failed = sum(run["counts"]["failures"].values())
    if failed:
        raise RuntimeError(f"sluice bench: {failed} failures")
    return (run["counts"]["answers"] + run["counts"]["answers_in_warmup"],
            run["requests_per_second"])


def of_wrk(text):
    if "Socket errors" in text or "Non-2xx" in text:
        raise RuntimeError(f"wrk: {text}")
    return (int(re.search(r"(\d+) requests in", text).group(1)),
            float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)))


def of_h2load(text):
    done = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed", text)
    if int(done.group(3)):
        raise RuntimeError(f"h2load: {text}")
    return (int(done.group(1)), float(re.search(r"([\d.]+) req/s", text).group(1)))


def generators(binary):
    ours = [binary, "bench", "{url}", "-c", "{c}", "-d", "{d}s", "--warm-up", "100ms", "-q",
            "--json", "-", "--backend"]
    all_of_them = [Generator("wrk", ["wrk", "-t1", "-c{c}", "-d{d}s", "{url}"], of_wrk)]
    if shutil.which("h2load"):
        all_of_them.append(Generator(
            "h2load", ["h2load", "--h1", "-t1", "-c{c}", "-D{d}", "{url}"], of_h2load))
    return all_of_them + [Generator(f"sluice bench, {backend}", ours + [backend], of_sluice)
                          for backend in ("io_uring", "epoll")]


def measure(binary, url, connections, rounds, seconds):
    """{generator: [(answers, rate, CPU)]}, one for each round."""
    all_of_them = generators(binary)
    found = {generator.name: [] for generator in all_of_them}
    for number in range(rounds):
        first = number % len(all_of_them)
        for generator in all_of_them[first:] + all_of_them[:first]:
            found[generator.name].append(generator.run(url, connections, seconds))
    return found


def table(connections, found):
    wrk = found["wrk"]
    rates = [rate for _, rate, _ in wrk]
    spread = (max(rates) - min(rates)) / statistics.median(rates)
    print(f"\n{connections} connections (wrk's own rates are {spread:.1%} apart)\n")
    print("| generator | answers per second | rate / wrk | CPU per answer | CPU / wrk |")
    print("|---|---|---|---|---|")
    for name, runs in found.items():
        ratios = [(run[1] / base[1], run[2] / base[2]) for run, base in zip(runs, wrk)]
        print(f"| {name} | {statistics.median(run[1] for run in runs):,.0f} "
              f"| {statistics.median(r for r, _ in ratios):.3f} "
              f"| {statistics.median(run[2] for run in runs):.2f} us "
              f"| {statistics.median(r for _, r in ratios):.2f} |", flush=True)


def compare(binary, url, options):
    for connections in options.connections:
        table(connections, measure(binary, url, connections, options.rounds, options.seconds))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", help="the sluice to measure with, and to measure")
    parser.add_argument("-c", "--connections", type=int, nargs="+", default=[64, 1000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--url", help="ask this server instead of a sluice of our own")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("trust: wrk is not installed")
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("trust: two CPUs are needed, one for the server and one for the generator")
    binary = os.path.abspath(options.binary)
    if options.url:
        compare(binary, options.url, options)
        return
    with tempfile.TemporaryDirectory(prefix="sluice-trust-") as work:
        root = os.path.join(work, "root")
        os.mkdir(root)
        with open(os.path.join(root, "index.html"), "w", encoding="ascii") as page:
            page.write("x" * PAGE_BYTES)
        server = Server(binary, root)
        try:
            compare(binary, server.url, options)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
