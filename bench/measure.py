"""Measures what a request costs the server: CPU time per request, against the floor (null servers,
bench/floor) and against nginx, lighttpd and h2o from the distribution, where they are installed.

The server has one CPU and the generator (wrk) another. Rounds are short and interleaved: every round
runs every server once, in rotating order, and a ratio is taken within its round, so that whatever the
machine does meanwhile falls on all alike; the table shows the median of those ratios. A cell with an
error, an unexpected status or a body of the wrong length is not a measurement and says so.
docs/measuring.md explains the method."""

import argparse
import datetime
import http.client
import json
import os
import platform
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from servers import GENERATOR_CPU, PEERS, Floor, Sluice, pin

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE_BYTES = 509
LARGE_BYTES = 10 * 1000 * 1000
LOGO = "/static/computer-network.jpg"

# The request of the lab report that the page comes from: Chrome 106 on Windows.
BROWSER = {
    "sec-ch-ua": '"Chromium";v="106", "Google Chrome";v="106", "Not;A=Brand";v="99"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Windows"',
    "Upgrade-Insecure-Requests": "1",
    "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                  "Chrome/106.0.0.0 Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,"
              "*/*;q=0.8,application/signed-exchange;v=b3;q=0.9",
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-User": "?1",
    "Sec-Fetch-Dest": "document",
    "Accept-Encoding": "gzip, deflate, br",
    "Accept-Language": "zh-CN,zh;q=0.9,en-US;q=0.8,en;q=0.7",
    "Cookie": "SL_G_WPT_TO=zh; SL_GWPT_Show_Hide_tmp=1; SL_wptGlobTipTm=1",
    "Connection": "keep-alive",
}


class Work:
    """One kind of work: what is asked, of which root, and what counts as the floor."""

    def __init__(self, name, title, path="/", floors=(), target=None, headers=None, status=200,
                 body=PAGE_BYTES, pipeline=1, many=0, connections=64, root="small", log=False,
                 revalidate=False, variants=None, rounds_max=99):
        self.name, self.title, self.path, self.floors = name, title, path, floors
        self.target = target or {}
        self.headers, self.status, self.body = headers or {}, status, body
        self.pipeline, self.many, self.connections = pipeline, many, connections
        self.root, self.log, self.revalidate = root, log, revalidate
        self.rounds_max = rounds_max
        self.variants = variants  # instead of a floor: {label: changes}, the first is the base


def floor_epoll(*arguments):
    return ("floor_epoll", arguments)


PAGE_FLOORS = (floor_epoll("--body", str(PAGE_BYTES)), ("floor_uring", ("--body", str(PAGE_BYTES))))
BOTH_105 = {"sluice io_uring": 1.05, "sluice epoll": 1.05}
BOTH_110 = {"sluice io_uring": 1.10, "sluice epoll": 1.10}


def works(logo_bytes):
    large = "/large.bin"
    return [
        Work("page", "509-byte page", floors=PAGE_FLOORS,
             target={"sluice io_uring": 1.05, "sluice epoll": 1.12}),
        Work("browser", "page, a browser's headers", floors=PAGE_FLOORS, target=BOTH_110,
             headers=BROWSER),
        Work("logo", f"logo, {logo_bytes} bytes", path=LOGO, body=logo_bytes, target=BOTH_105,
             floors=(floor_epoll("--body", str(logo_bytes)), ("floor_sendfile", ("--file", LOGO)))),
        Work("large", "10 MB file", path=large, body=LARGE_BYTES,
             floors=(("floor_sendfile", ("--file", large)),),
             target={"sluice io_uring": 1.03, "sluice epoll": 1.03}),
        Work("pipelined", "page, 16 requests pipelined", pipeline=16,
             floors=(floor_epoll("--body", str(PAGE_BYTES), "--pipeline", "16"),),
             target={"sluice io_uring": 1.5, "sluice epoll": 1.5}),
        Work("churn", "new connection for each request", headers={"Connection": "close"},
             floors=(floor_epoll("--body", str(PAGE_BYTES), "--churn"),
                     ("floor_uring", ("--body", str(PAGE_BYTES), "--churn"))),
             target={"sluice io_uring": 0.85}),
        Work("304", "304", status=304, body=0, revalidate=True, floors=(floor_epoll("--body", "0"),),
             target=BOTH_110),
        Work("404", "404", path="/missing", status=404, body=None,
             floors=(floor_epoll("--body", "150"),), target=BOTH_110),
        Work("files", "1,000 different files", many=1000, floors=PAGE_FLOORS[:1], target=BOTH_110),
        Work("log", "combined access log / none",
             variants={"without": {}, "with": {"log": True}},
             target={"sluice io_uring": 1.15, "sluice epoll": 1.15}),
        Work("connections", "10,000 connections / 64",
             variants={"64": {}, "10,000": {"connections": 10000}}, rounds_max=3,
             target={"sluice io_uring": 1.3, "sluice epoll": 1.3}),
        Work("tree", "100,000 files in the root / ten",
             variants={"ten": {}, "100,000": {"root": "tree"}}, target=BOTH_110),
    ]


# ---- roots ---------------------------------------------------------------------------------------

def make_small_root(root):
    os.makedirs(os.path.join(root, "static"))
    text = "<!DOCTYPE html>\n<title>page</title>\n"
    with open(os.path.join(root, "index.html"), "w", encoding="ascii") as page:
        page.write(text + "x" * (PAGE_BYTES - len(text)))
    shutil.copy(os.path.join(TREE, "site" + LOGO), root + LOGO)
    with open(os.path.join(root, "large.bin"), "wb") as large:
        large.write(os.urandom(LARGE_BYTES))
    return root


def make_files(root, count):
    """count files of 509 different bytes each, a hundred in a folder."""
    for index in range(count):
        folder = os.path.join(root, "f", str(index // 100))
        if index % 100 == 0:
            os.makedirs(folder)
        with open(os.path.join(folder, f"{index}.html"), "wb") as page:
            page.write(f"{index:08d}".encode() + b"x" * (PAGE_BYTES - 8))


def file_path(index):
    return f"/f/{index // 100}/{index}.html"


# ---- the generator -------------------------------------------------------------------------------

def lua_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def lua_script(work, server):
    headers = dict(work.headers)
    if work.revalidate and server.etag:
        headers["If-None-Match"] = server.etag
    paths = [file_path(i) for i in range(work.many)] if work.many else [work.path]
    lines = [f"wrk.headers[{lua_string(k)}] = {lua_string(v)}" for k, v in headers.items()]
    lines.append("local paths = {" + ",".join(lua_string(p) for p in paths) + "}")
    # The bytes are made once; a request costs the generator a look-up.
    lines.append(f"""
local made, at = {{}}, 0
function init(args)
  for i, path in ipairs(paths) do
    made[i] = string.rep(wrk.format("GET", path), {work.pipeline})
  end
end
function request()
  at = at % #made + 1
  return made[at]
end
function done(summary, latency, requests)
  local e = summary.errors
  print(string.format('WRK {{"requests":%d,"duration_us":%d,"bytes":%d,"connect":%d,"read":%d,' ..
    '"write":%d,"status":%d,"timeout":%d,"p50_us":%d,"p99_us":%d}}', summary.requests,
    summary.duration, summary.bytes, e.connect, e.read, e.write, e.status, e.timeout,
    latency:percentile(50), latency:percentile(99)))
end""")
    return "\n".join(lines)


def generate(work, server, seconds, folder):
    """One run of wrk; its own count of what happened."""
    script = os.path.join(folder, "wrk.lua")
    with open(script, "w", encoding="utf-8") as out:
        out.write(lua_script(work, server))
    run = subprocess.run(
        ["wrk", "-t1", f"-c{work.connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s",
         "-s", script, f"http://127.0.0.1:{server.port}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=pin(GENERATOR_CPU), timeout=seconds + 60, check=False)
    found = re.search(r"^WRK (.*)$", run.stdout, re.M)
    if not found:
        raise RuntimeError(f"wrk failed: {run.stdout.strip()[-300:]}")
    return json.loads(found.group(1))


def ask(server, path, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read(), response.headers
    finally:
        connection.close()


def wrong_answer(work, server):
    """Why this server's answer is not the one to be measured, or None. Floors answer a constant."""
    headers = dict(work.headers)
    if work.revalidate:
        server.etag = ask(server, "/")[2].get("ETag")
        if not server.etag:
            return "no ETag"
        headers["If-None-Match"] = server.etag
    status, body, _ = ask(server, file_path(7) if work.many else work.path, headers)
    if status != work.status:
        return f"status {status}"
    if work.body is not None and len(body) != work.body:
        return f"{len(body)} bytes"
    return None


def measure(work, server, seconds, folder):
    """(microseconds of CPU per request, wrk's report), or a reason why there is no such figure."""
    is_floor = isinstance(server, Floor)
    before = server.cpu_ns()
    report = generate(work, server, seconds, folder)
    spent = server.cpu_ns() - before
    if work.connections > 1000:
        # Setting thousands of connections up is another work. A longer run has the same share of
        # it, so the difference of the two is requests alone.
        before = server.cpu_ns()
        longer = generate(work, server, 2 * seconds, folder)
        spent = server.cpu_ns() - before - spent
        longer["requests"] -= report["requests"]
        longer["bytes"] -= report["bytes"]
        longer["duration_us"] -= report["duration_us"]
        report = longer
    wrong = sum(report[key] for key in ("connect", "read", "write", "timeout"))
    bad_status = report["status"]
    if work.status >= 400 and not is_floor:
        bad_status = report["requests"] - bad_status  # wrk counts every status above 399
    # At the end of a run wrk may have read one answer of a pipelined batch more or less.
    if abs(bad_status) > 64 * work.pipeline or (work.status < 400 and bad_status):
        return f"{bad_status} wrong statuses", report
    if wrong:
        return f"{wrong} errors", report
    if not report["requests"]:
        return "no requests", report
    if work.body and report["bytes"] < report["requests"] * work.body * 0.98:
        return "short bodies", report
    requests = report["requests"]
    if work.body and work.body > 1_000_000:
        # Few of them end within a run: count the bytes that came, not the downloads that ended.
        requests = report["bytes"] / work.body
    return spent / 1000 / requests, report


# ---- one kind of work ----------------------------------------------------------------------------

class Bench:
    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.rounds = arguments.rounds or (3 if arguments.quick else 9)
        self.seconds = arguments.seconds or (1 if arguments.quick else 2)
        self.roots = {"small": make_small_root(os.path.join(folder, "small"))}
        self.logo_bytes = os.path.getsize(self.roots["small"] + LOGO)
        self.build = arguments.build

    def root(self, name):
        if name not in self.roots:
            print(f"making the root '{name}'", file=sys.stderr)
            root = make_small_root(os.path.join(self.folder, name))
            make_files(root, {"many": 1000, "tree": 100_000}[name])
            self.roots[name] = root
        return self.roots[name]

    def contenders(self, root, log=False):
        """Fresh, unstarted servers: ours as far as it is built, peers as far as installed."""
        made = []
        binary = os.path.join(self.build, "sluice")
        wanted = self.arguments.servers

        def log_path(name):
            return os.path.join(self.folder, f"{name}.log".replace(" ", "-")) if log else None

        if os.access(binary, os.X_OK):
            for backend in ("io_uring", "epoll"):
                made.append(Sluice(binary, backend, root, self.folder,
                                   log_path(f"sluice {backend}")))
        for name, kind in PEERS.items():
            if shutil.which(name):
                made.append(kind(root, self.folder, log_path(name)))
        return [s for s in made if not wanted or s.name in wanted or s.name.split()[0] in wanted]

    def floors(self, work):
        for name, arguments in work.floors:
            arguments = list(arguments)
            if "--file" in arguments:
                at = arguments.index("--file") + 1
                arguments[at] = self.root("small") + arguments[at]
            yield Floor(os.path.join(self.build, "bench", name) if os.path.exists(
                os.path.join(self.build, "bench", name)) else os.path.join(self.build, name),
                        name, None, self.folder, arguments=arguments)

    def start_all(self, servers, work, invalid):
        alive = []
        for server in servers:
            try:
                server.start()
                reason = None if isinstance(server, Floor) else wrong_answer(work, server)
            except (RuntimeError, OSError, http.client.HTTPException) as error:
                reason = str(error).split("\n")[0]
            if reason:
                invalid[server.name] = reason
                server.stop()
            else:
                alive.append(server)
        return alive

    def against_floor(self, work):
        """Interleaved rounds of all servers; ratios to the better floor of the same round."""
        invalid, samples = {}, []
        root = self.root("many" if work.many else work.root)
        servers = self.start_all([*self.floors(work), *self.contenders(root)], work, invalid)
        floor_names = [s.name for s in servers if isinstance(s, Floor) and s.name != "floor_uring"]
        try:
            for server in servers:  # caches, buffers, first pages
                generate(work, server, 1, self.folder)
            for number in range(self.rounds):
                turn = number % len(servers)
                sample = {}
                for server in servers[turn:] + servers[:turn]:
                    cost, report = measure(work, server, self.seconds, self.folder)
                    if isinstance(cost, str):
                        invalid[server.name] = cost
                    else:
                        sample[server.name] = (cost, report)
                samples.append(sample)
        finally:
            for server in servers:
                server.stop()
        cells = {}
        for server in servers:
            if server.name in invalid:
                continue
            ratios = [s[server.name][0] / min(s[f][0] for f in floor_names) for s in samples]
            cells[server.name] = cell(ratios, [s[server.name][0] for s in samples],
                                      [s[server.name][1] for s in samples])
        return cells, invalid

    def against_itself(self, work):
        """Each server in two settings; the ratio of the second to the first within a round."""
        invalid, pairs = {}, {}
        labels = list(work.variants)
        started = []
        try:
            for label in labels:
                changed = Work(work.name, work.title, **work.variants[label])
                servers = self.start_all(self.contenders(self.root(changed.root), changed.log),
                                         changed, invalid)
                started += servers
                for server in servers:
                    pairs.setdefault(server.name, {})[label] = (changed, server)
            names = [n for n in pairs if len(pairs[n]) == len(labels) and n not in invalid]
            samples = {name: [] for name in names}
            for number in range(min(self.rounds, work.rounds_max) + 1):
                turn = number % max(1, len(names))
                for name in names[turn:] + names[:turn]:
                    order = labels if number % 2 == 0 else labels[::-1]
                    costs = {}
                    for label in order:
                        changed, server = pairs[name][label]
                        if server.log and os.path.exists(server.log):
                            os.truncate(server.log, 0)
                        # Thousands of connections take seconds to be there: lost SYNs are resent.
                        seconds = 4 if changed.connections > 1000 else self.seconds
                        costs[label] = measure(changed, server, seconds, self.folder)
                        if isinstance(costs[label][0], str):
                            invalid[name] = f"{label}: {costs[label][0]}"
                    if number > 0:  # the first round warms up
                        samples[name].append(costs)
        finally:
            for server in started:
                server.stop()
        cells = {}
        for name in names:
            if name not in invalid:
                ratios = [c[labels[1]][0] / c[labels[0]][0] for c in samples[name]]
                cells[name] = cell(ratios, [c[labels[1]][0] for c in samples[name]],
                                   [c[labels[1]][1] for c in samples[name]])
        return cells, invalid

    # ---- memory and start ------------------------------------------------------------------------

    def idle_memory(self, count):
        """Growth of the resident set by `count` connections, each after one answered request."""
        cells, invalid = {}, {}
        warm = Work("memory", "memory")
        for server in self.contenders(self.root("small")):
            try:
                server.start()
                # Whatever is made on first use is there before the first look. Memory that a burst
                # of connections leaves behind would hide the growth: one connection at a time.
                for _ in range(50):
                    ask(server, "/")
                before = server.resident_bytes()
                held = hold_connections(server.port, count)
                time.sleep(1)
                cells[server.name] = {"value": (server.resident_bytes() - before) / count}
                for connection in held:
                    connection.close()
                if wrong_answer(warm, server):
                    invalid[server.name] = "wrong answer afterwards"
            except (RuntimeError, OSError) as error:
                invalid[server.name] = str(error).split("\n")[0]
            finally:
                server.stop()
        return cells, invalid

    def start_time(self, root, times):
        """Milliseconds from the start of the process to the end of its first 200."""
        cells, invalid = {}, {}
        for kind in range(len(self.contenders(root))):
            taken = []
            name = "?"
            for _ in range(times):
                server = self.contenders(root)[kind]
                name = server.name
                begin = time.monotonic()
                try:
                    server.start(wait=False)
                    server.wait_ready(20)
                    status = ask(server, "/")[0]
                    taken.append((time.monotonic() - begin) * 1000)
                    if status != 200:
                        invalid[name] = f"status {status}"
                except (RuntimeError, OSError, http.client.HTTPException) as error:
                    invalid[name] = str(error).split("\n")[0]
                    break
                finally:
                    server.stop()
            if name not in invalid:
                cells[name] = {"value": statistics.median(taken), "worst": max(taken)}
        return cells, invalid


def hold_connections(port, count):
    """`count` connections that asked once, were answered, and stay."""
    request = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    held = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), 5)
        connection.sendall(request)
        got = b""
        while b"\r\n\r\n" not in got or len(got.partition(b"\r\n\r\n")[2]) < PAGE_BYTES:
            part = connection.recv(4096)
            if not part:
                raise RuntimeError(f"closed connection number {len(held)}")
            got += part
        held.append(connection)
    return held


def cell(ratios, costs, reports):
    return {
        "ratio": statistics.median(ratios),
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "cpu_us": statistics.median(costs),
        "per_second": statistics.median(r["requests"] * 1e6 / r["duration_us"] for r in reports),
        "p50_us": statistics.median(r["p50_us"] for r in reports),
        "p99_us": statistics.median(r["p99_us"] for r in reports),
    }


# ---- output --------------------------------------------------------------------------------------

def machine(build):
    model = "?"
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    versions = {}
    for name, command in {"sluice": [os.path.join(build, "sluice"), "--version"],
                          "nginx": ["nginx", "-v"], "lighttpd": ["lighttpd", "-v"],
                          "h2o": ["h2o", "-v"], "wrk": ["wrk", "-v"]}.items():
        if shutil.which(command[0]):
            run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 stdin=subprocess.DEVNULL, check=False)
            found = re.search(r"\d+\.\d+[\w.-]*", run.stdout)
            versions[name] = found.group(0) if found else "?"
    return {"cpu": model, "cpus": os.cpu_count(), "kernel": platform.release(), "versions": versions,
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")}


def show(value, digits=2):
    return f"{value:,.{digits}f}" if value < 100 else f"{value:,.0f}"


def rows_of(results):
    """One list of strings per row; the first is the heading."""
    names = []
    for result in results:
        for name in [*result["cells"], *result["invalid"]]:
            if name not in names:
                names.append(name)
    names.sort(key=lambda n: (not n.startswith("floor"), not n.startswith("sluice")))
    rows = [["work", "to reach", *names]]
    for result in results:
        target = result["target"]
        limits = sorted(set(target.values()))
        row = [result["title"], " / ".join(f"≤ {show(v)}" for v in limits) or ""]
        for name in names:
            made = result["cells"].get(name)
            if name in result["invalid"]:
                row.append(f"invalid: {result['invalid'][name]}")
            elif made is None:
                row.append("")
            elif "value" in made:
                row.append(show(made["value"], 0) + miss(made["value"], target.get(name)))
            else:
                row.append(f"{show(made['ratio'])} ({show(made['cpu_us'])} µs)" +
                           miss(made["ratio"], target.get(name)))
        rows.append(row)
    return rows


def miss(value, limit):
    return " ✗" if limit is not None and round(value, 2) > limit else ""


def print_table(results, host, markdown):
    rows = rows_of(results)
    if markdown:
        versions = ", ".join(f"{n} {v}" for n, v in host["versions"].items())
        print(f"{host['cpu']}, {host['cpus']} CPUs, Linux {host['kernel']}, {host['date']}; {versions}\n")
        rows.insert(1, ["---"] * len(rows[0]))
        for row in rows:
            print("| " + " | ".join(row) + " |")
        return
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())


def parse_arguments(everything):
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n", maxsplit=1)[0], epilog="works: " + ", ".join(everything))
    parser.add_argument("--quick", action="store_true", help="3 rounds of 1 s in place of 9 of 2 s")
    parser.add_argument("--rounds", type=int, help="rounds of each work")
    parser.add_argument("--seconds", type=int, help="seconds of load per server and round")
    parser.add_argument("--only", nargs="+", metavar="WORK", choices=everything, default=everything)
    parser.add_argument("--servers", nargs="+", metavar="NAME", default=[],
                        help="of these only: sluice, 'sluice epoll', nginx, lighttpd, h2o")
    parser.add_argument("--build", default=os.path.join(TREE, "build", "release"),
                        help="where sluice and the floors are (build/release)")
    parser.add_argument("--markdown", action="store_true", help="the table as Markdown")
    parser.add_argument("--json", metavar="FILE", help="every figure, to a file")
    return parser.parse_args()


def main():
    extra = ["memory", "start", "start-tree"]
    arguments = parse_arguments([w.name for w in works(0)] + extra)
    if not shutil.which("wrk"):
        sys.exit("measure: wrk is missing (./dev bench installs it)")
    if os.cpu_count() < 2:
        sys.exit("measure: needs two CPUs, one for the server and one for the generator")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {GENERATOR_CPU})

    results = []

    def keep(name, title, target, cells, invalid):
        results.append({"name": name, "title": title, "target": target, "cells": cells,
                        "invalid": invalid})
        print(f"{title}: " + ", ".join(
            f"{n} {show(c.get('ratio', c.get('value')))}" for n, c in cells.items()) +
              "".join(f", {n} INVALID ({r})" for n, r in invalid.items()), file=sys.stderr)

    with tempfile.TemporaryDirectory(prefix="sluice-measure-") as folder:
        bench = Bench(arguments, folder)
        for work in works(bench.logo_bytes):
            if work.name in arguments.only:
                run = bench.against_itself if work.variants else bench.against_floor
                keep(work.name, work.title, work.target, *run(work))
        if "memory" in arguments.only:
            keep("memory", "idle connection, bytes", {"sluice io_uring": 400, "sluice epoll": 400},
                 *bench.idle_memory(10_000))
        if "start" in arguments.only:
            keep("start", "start, ms", {"sluice io_uring": 100, "sluice epoll": 100},
                 *bench.start_time(bench.root("small"), 5))
        if "start-tree" in arguments.only:
            keep("start-tree", "start with 100,000 files, ms",
                 {"sluice io_uring": 2000, "sluice epoll": 2000},
                 *bench.start_time(bench.root("tree"), 3))

    host = machine(arguments.build)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as out:
            json.dump({"machine": host, "rounds": bench.rounds, "seconds": bench.seconds,
                       "results": results}, out, indent=1, ensure_ascii=False)
            out.write("\n")
    print_table(results, host, arguments.markdown)
    return 1 if any(result["invalid"] for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
