"""`sluice compare` as a whole: what it starts, what it says about a server that fails, and that it
leaves nothing behind. Runs are far too short to find differences between servers, so no test asks for
one, except where the difference is planted."""

import glob
import html.parser
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import unittest

from harness import BINARY, main, sanitizer

OK, FAILURE, USAGE, INVALID, REGRESSION = 0, 1, 2, 3, 4

# A stand-in for nginx, found first on the PATH: it reads port and root from the configuration, answers
# the look correctly, and answers 500 now and then under load.
FAKE_NGINX = r'''#!/usr/bin/env python3
import re, socketserver, sys
if "-v" in sys.argv:
    sys.exit("nginx version: nginx/9.8.7")
config = open(sys.argv[sys.argv.index("-c") + 1]).read()
port = int(re.search(r"listen 127\.0\.0\.1:(\d+)", config).group(1))
page = open(re.search(r'root "([^"]+)"', config).group(1) + "/index.html", "rb").read()
asked = 0

class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        global asked
        while True:
            request = self.rfile.readline()
            if not request:
                return
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            asked += 1
            status = b"404 Not Found" if b"/missing" in request else b"200 OK"
            status = b"500 Oops" if asked % 50 == 0 else status
            self.wfile.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s"
                             % (status, len(page), page))

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128

Server(("127.0.0.1", port), Handler).serve_forever()
'''


# Another one, which never listens at its port; an unrelated process does.
RACED_NGINX = r'''#!/usr/bin/env python3
import os, re, socketserver, sys, threading, time
if "-v" in sys.argv:
    sys.exit("nginx version: nginx/9.8.7")
config = open(sys.argv[sys.argv.index("-c") + 1]).read()
port = int(re.search(r"listen 127\.0\.0\.1:(\d+)", config).group(1))
page = open(re.search(r'root "([^"]+)"', config).group(1) + "/index.html", "rb").read()
server = os.getpid()

class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline() not in (b"\r\n", b""):
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page))

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        others = Server(("127.0.0.1", port), Handler)
        threading.Thread(target=others.serve_forever, daemon=True).start()
        while os.path.exists(f"/proc/{server}/exe"):
            time.sleep(0.05)
    os._exit(0)
os.wait()
time.sleep(60)
'''


class Page(html.parser.HTMLParser):
    """Elements that the page opens, and whether all that need a closing tag have one."""

    VOID = {"meta", "line", "rect", "polyline", "br", "path", "circle"}

    def __init__(self, text):
        super().__init__()
        self.open, self.counts = [], {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
            self.open.pop()


def children_of(pid):
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="ascii", errors="replace") as lines:
                if int(lines.read().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(path.split("/")[2]))
        except OSError:
            pass
    return found


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as lines:
            return lines.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def eventually(condition, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


class Compare(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.temporary = os.path.join(self.folder, "tmp")
        os.mkdir(self.temporary)
        self.environment = {**os.environ, "TMPDIR": self.temporary}

    def path(self, name):
        return os.path.join(self.folder, name)

    def plant_fake_nginx(self, program=FAKE_NGINX):
        programs = self.path("bin")
        os.mkdir(programs)
        fake = os.path.join(programs, "nginx")
        with open(fake, "w", encoding="utf-8") as out:
            out.write(program)
        os.chmod(fake, stat.S_IRWXU)
        self.environment["PATH"] = programs + ":" + os.environ["PATH"]

    def start(self, *arguments, **options):
        # Do not delay other tests on this machine.
        priority = () if "--priority" in arguments else ("--priority", "ordinary")
        return subprocess.Popen([BINARY, "compare", *arguments, *priority], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=self.environment, **options)

    def run_compare(self, *arguments, code=OK, **options):
        process = self.start(*arguments, **options)
        try:
            self.out, self.err = process.communicate(timeout=120)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        self.assertEqual(code, process.returncode, f"{self.out}\n{self.err}")
        self.assertEqual([], os.listdir(self.temporary), "something is left in TMPDIR")

    def read_json(self, name):
        with open(self.path(name), encoding="utf-8") as text:
            return json.load(text)

    def test_a_server_that_fails_is_invalid_and_never_fast(self):
        self.plant_fake_nginx()
        self.run_compare("--servers", "epoll", "nginx", "floor_epoll", "--only", "page", "missing",
                         "--rounds", "6", "--duration", "60ms", "--json", self.path("a.json"),
                         "--html", self.path("a.html"), code=INVALID)
        result = self.read_json("a.json")
        self.assertEqual("sluice-compare/1", result["schema"])
        self.assertFalse(result["valid"])
        self.assertEqual({"nginx": "9.8.7"}, result["programs"])
        self.assertEqual(["page", "missing"], [s["name"] for s in result["scenarios"]])
        for scenario in result["scenarios"]:
            servers = {s["server"]: s for s in scenario["servers"]}
            self.assertEqual({"floor_epoll", "sluice epoll", "nginx"}, set(servers))
            self.assertEqual("floor_epoll", scenario["baseline"])
            wanted = 404 if scenario["name"] == "missing" else 200
            self.assertRegex(servers["nginx"]["invalid"],
                             rf"^\d+ of \d+ answers have status 500, not {wanted}$")
            self.assertNotIn("cost", servers["nginx"])
            for name in ("floor_epoll", "sluice epoll"):
                server = servers[name]
                self.assertEqual(list(range(6)), [b["round"] for b in server["blocks"]])
                # No server answers in less than 0.1 us or more than 10 ms of CPU.
                self.assertTrue(all(100 < cost < 1e7 for cost in server["costs"]), server["costs"])
                self.assertTrue(all(b["answers"] > 0 for b in server["blocks"]))
                self.assertGreater(server["peak_resident_bytes"], 100_000)
                self.assertGreater(server["handshake_p50_ns"], 1000)
            ours = servers["sluice epoll"]
            self.assertEqual("floor_epoll", ours["against"])
            # Each restart gives the median of its pairs of slices: one figure of four is two of them.
            self.assertEqual(6, ours["comparison"]["pairs"])
            self.assertEqual(ours["ratios"], [b["ratio"] for b in ours["blocks"]])
            for block in ours["blocks"]:
                self.assertEqual(2, block["pairs"])
                self.assertTrue(0 < block["busy"] <= 1.1, block)
                # A server without a turn has nothing to do, which CPU time shows on any machine.
                self.assertLess(block["idle_busy"], 0.05)
        self.assertRegex(self.out, r"nginx +INVALID: \d+ of \d+ answers have status 500")
        with open(self.path("a.html"), encoding="utf-8") as text:
            page = Page(text.read())
        self.assertEqual([], page.open)
        # Ratios of both; response times only where the generator had its own CPU.
        self.assertIn(page.counts["svg"], (2, 3, 4))

    def test_who_listens_must_be_the_server_that_was_started(self):
        self.plant_fake_nginx(RACED_NGINX)
        self.run_compare("--servers", "nginx", "--baseline", "nginx", "--only", "page", "start",
                         "--rounds", "1", "--duration", "50ms", code=INVALID)
        self.assertEqual(2, len(re.findall(
            r"nginx +INVALID: who listens at its port \d+ is another program", self.out)), self.out)

    def test_a_planted_difference_is_found(self):
        """A null server against itself with ten times the work: visible on any machine."""
        self.run_compare("--aa", "1", "--aa-spin", "100us", "--rounds", "6", "--duration", "40ms",
                         "--json", self.path("a.json"))
        test = self.read_json("a.json")["self_tests"][0]
        self.assertEqual(("floor_epoll", 100_000, 1, True),
                         (test["server"], test["spin_ns"], test["found"], test["passed"]))
        self.assertIn("1 of 1 trials find it", self.out)

    def test_the_priority_is_said_and_kept(self):
        shown = self.start("--servers", "epoll", "--only", "page", "--duration", "10s", "--rounds",
                           "1", "--priority", "raised", preexec_fn=lambda: os.nice(3))
        try:
            self.assertTrue(eventually(lambda: shown.poll() is not None or children_of(shown.pid)))
            if shown.poll() is None:  # otherwise it is not permitted
                child = children_of(shown.pid)[0]
                self.assertTrue(eventually(lambda: os.getpriority(os.PRIO_PROCESS, child) == -10))
            shown.send_signal(signal.SIGINT)
            _, err = shown.communicate(timeout=20)
        except BaseException:
            shown.kill()
            shown.communicate()
            raise
        self.assertRegex(err, "stopped by a signal|the system does not allow us raised priority")

    def test_instructions_are_counted(self):
        self.run_compare("--servers", "epoll", "--only", "page", "--rounds", "1", "--duration",
                         "50ms", "--instructions", "--json", self.path("a.json"))
        servers = {s["server"]: s for s in self.read_json("a.json")["scenarios"][0]["servers"]}
        self.assertNotIn("instructions_per_request", servers["floor_epoll"])
        if sanitizer() or not shutil.which("callgrind_control"):
            # A sanitizer needs address space that valgrind occupies.
            self.assertIn("left out: page: instructions of sluice epoll: ", self.out)
            return
        self.assertIn("instructions_per_request", servers["sluice epoll"], self.out)
        # A build without optimisation needs several times as many.
        self.assertTrue(1000 < servers["sluice epoll"]["instructions_per_request"] < 100_000)
        self.assertIn("CPU/request  instructions", self.out)

    def test_every_kind_of_scenario_runs_on_both_backends(self):
        self.run_compare("--servers", "sluice", "--rounds", "1", "--duration", "50ms", "--only",
                         "logo", "churn", "conditional", "files", "logged", "memory", "border-2k",
                         "--json", self.path("a.json"))
        scenarios = {s["name"]: s for s in self.read_json("a.json")["scenarios"]}
        self.assertEqual(7, len(scenarios))
        for scenario in scenarios.values():
            ours = [s for s in scenario["servers"] if not s["floor"]]
            two_settings = scenario["name"] in ("logged", "border-2k")
            self.assertEqual(4 if two_settings else 2, len(ours), scenario["name"])
            for server in ours:
                self.assertGreater(server["cost"], 0, scenario["name"])
                # One pair shows no difference.
                self.assertEqual("cannot tell",
                                 server.get("comparison", {"verdict": "cannot tell"})["verdict"])
        logged = {s["server"]: s["against"] for s in scenarios["logged"]["servers"]}
        self.assertEqual({"sluice io_uring (no log)": "", "sluice epoll (no log)": "",
                          "sluice io_uring": "sluice io_uring (no log)",
                          "sluice epoll": "sluice epoll (no log)"}, logged)
        self.assertGreater(scenarios["churn"]["servers"][0]["handshake_p99_ns"], 0)

    def test_a_planted_regression_ends_with_a_code_of_its_own(self):
        arguments = ("--servers", "epoll", "--only", "start", "--rounds", "6")
        self.run_compare(*arguments, "--json", self.path("then.json"))
        then = self.read_json("then.json")
        # The same again. A busy machine is no regression: only a hundredfold counts as one.
        self.run_compare(*arguments, "--noise", "9900%", "--against", self.path("then.json"))
        self.assertIn("no regression", self.out)
        server = then["scenarios"][0]["servers"][0]
        server["costs"] = [cost / 10_000 for cost in server["costs"]]
        with open(self.path("then.json"), "w", encoding="utf-8") as out:
            json.dump(then, out)
        self.run_compare(*arguments, "--noise", "9900%", "--against", self.path("then.json"),
                         code=REGRESSION)
        self.assertIn("\nREGRESSION\n", self.out)

    def test_a_server_against_itself(self):
        self.run_compare("--aa", "1", "--servers", "epoll", "--rounds", "5", "--duration", "50ms",
                         "--json", self.path("a.json"))
        test = self.read_json("a.json")["self_tests"][0]
        self.assertEqual("sluice epoll", test["server"])
        # Five pairs show no difference, on any machine.
        self.assertEqual((1, 1, True), (len(test["trials"]), test["cannot_tell"], test["passed"]))
        self.assertIn("1 of 1 trials say cannot tell", self.out)

    def test_markdown(self):
        self.run_compare("--servers", "epoll", "--only", "start", "--rounds", "1", "--markdown")
        self.assertRegex(self.out, r"\n\| work \| to reach \| sluice epoll \|\n\| --- \|")
        self.assertRegex(self.out, r"\n\| start \| ≤ 100 ms \| [\d.]+ ms(?: ✗)? \|\n")

    def interrupted(self, number):
        process = self.start("--servers", "sluice", "--only", "page", "--duration", "30s")
        try:
            self.assertTrue(eventually(lambda: children_of(process.pid)))
            child = children_of(process.pid)[0]
            time.sleep(0.3)
            process.send_signal(number)
            _, err = process.communicate(timeout=20)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        self.assertTrue(eventually(lambda: not alive(child)), "a server is left behind")
        return process.returncode, err

    def test_ctrl_c_ends_the_servers_and_removes_the_roots(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            code, err = self.interrupted(number)
            self.assertEqual((FAILURE, "sluice compare: stopped by a signal\n"), (code, err))
            self.assertEqual([], os.listdir(self.temporary))

    def test_the_servers_do_not_outlive_it(self):
        self.interrupted(signal.SIGKILL)

    def test_what_cannot_be_done_is_said_in_one_line(self):
        def nothing(): pass

        def one_cpu():
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

        with open(self.path("no.json"), "w", encoding="utf-8") as out:
            out.write("{}")
        page = ("--only", "page")
        for arguments, code, text, preexec in (
                (("--only", "pgae"), USAGE, "there is no scenario 'pgae'; there are ", nothing),
                (("--rounds", "0"), USAGE, "--rounds", nothing),
                (("--noise", "much"), USAGE, "expected a share such as 2% or 0.02", nothing),
                (("--aa", "3", "--markdown"), USAGE, "--aa takes neither", nothing),
                (("--aa-spin", "1us"), USAGE, "--aa-spin is for --aa", nothing),
                ((*page, "--servers", "iis"), USAGE, "there is no server 'iis'", nothing),
                ((*page, "--baseline", "iis"), USAGE, "there is no server 'iis'", nothing),
                ((*page, "--against", "/nowhere"), FAILURE, "/nowhere: cannot be read", nothing),
                ((*page, "--against", self.path("no.json")), FAILURE,
                 "not a result of sluice compare", nothing),
                (page, FAILURE, "two CPUs are needed", one_cpu)):
            with self.subTest(arguments):
                self.run_compare(*arguments, code=code, preexec_fn=preexec)
                self.assertIn(text, self.err)
                self.assertEqual(1, self.err.count("\n"), self.err)
        self.environment["TMPDIR"] = "/nowhere"
        self.run_compare(*page, code=FAILURE)
        self.assertEqual("sluice compare: the folder for temporary files (TMPDIR, or TMP on "
                         "Windows): No such file or directory\n", self.err)


if __name__ == "__main__":
    main()
