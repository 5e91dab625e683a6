"""`sluice.exe bench` and `sluice.exe compare` as a whole, under Wine: their figures exist, their output
can be read, they leave nothing behind, and a failure gives one line. Speed is not checked: under Wine it
means nothing."""

import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
from harness import BINARY, PROGRAM, SITE, TREE, ServerCase, main  # pylint: disable=C0413

OK, FAILURE, USAGE, INVALID = 0, 1, 2, 3


def content(path):
    with open(path, "rb") as file:
        return file.read()


class Program(ServerCase, unittest.TestCase):
    """One program that is run to its end: its exit code and its output."""

    command = ""

    def path(self, name):
        return os.path.join(self.work, name)

    def run_program(self, *arguments, **environment):
        run = subprocess.run([*PROGRAM, self.command, *arguments], stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=60, check=False,
                             env={**os.environ, **environment})
        return run.returncode, run.stdout, run.stderr

    def assert_one_line(self, code, arguments, text):
        got, out, err = self.run_program(*arguments)
        self.assertEqual((code, 1), (got, err.count("\n")), f"{arguments}\n{out}\n{err}")
        self.assertIn(text, err)

    def check_text(self, path, pattern):
        """Checks a text file: line ends are one character, as on every system."""
        text = content(path)
        self.assertNotIn(b"\r", text)
        self.assertRegex(text.decode(), pattern)


class Bench(Program):
    command = "bench"

    def setUp(self):
        super().setUp()
        self.url = f"http://127.0.0.1:{self.serve(root=SITE, backend='iocp').port}/"

    def report(self, *arguments):
        code, out, err = self.run_program(self.url, "--duration", "300ms", "--warm-up", "50ms",
                                          "--connections", "2", "--quiet", "--json", "-", *arguments)
        self.assertIn(code, (OK, INVALID), err)  # INVALID: measured, but not valid
        report = json.loads(out)
        self.assertRegex(json.dumps(report), r'"200": ?[1-9]')
        return report

    def test_what_it_writes(self):
        self.report("--rate", "200", "--csv", self.path("a.csv"), "--hdr", self.path("a"),
                    "--html", self.path("图.html"))
        self.check_text(self.path("a.csv"), r"\Afrom_s,to_s,.*\n0\.000,")
        self.check_text(self.path("a.hlog"), r"\A#\[Logged by sluice ")
        self.check_text(self.path("a.response.hgrm"), r"Value +Percentile")
        self.check_text(self.path("图.html"), r"(?s)<html.*</html>\s*\Z")

    def test_ways_to_ask(self):
        self.report("--arrivals", "poisson", "--rate", "100", "--churn", "3", "--verify-root", SITE)

    def test_what_cannot_be_done_is_said_in_one_line(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            refused = f"http://127.0.0.1:{taken.getsockname()[1]}/"
            for code, arguments, text in (
                    (FAILURE, (refused,), "connection refused"),
                    (FAILURE, ("unix:/tmp/x",), "Unix sockets are not for Windows"),
                    (FAILURE, (self.url, "--verify-wire"), "no capture"),
                    (USAGE, (self.url, "--backend", "epoll"), "iocp")):
                self.assert_one_line(code, arguments, text)


class Compare(Program):
    command = "compare"

    def setUp(self):
        super().setUp()
        prefix = subprocess.check_output(
            ["sh", "-c", ". cmake/wine-prefix.sh; printf %s \"$WINEPREFIX\""], cwd=TREE, text=True)
        self.leavings = os.path.join(prefix, "drive_c/users/*/Temp/sluice-compare-*")
        self.before = set(glob.glob(self.leavings))

    def tearDown(self):
        self.eventually(lambda: set(glob.glob(self.leavings)) <= self.before, 10, "cleaning up")

    def test_measures_and_tells_of_a_server_that_does_not_start(self):
        os.mkdir(self.path("程序"))
        shutil.copy(BINARY, self.path("程序/nginx.exe"))  # it does not know nginx's options
        code, out, err = self.run_program(
            "--servers", "sluice", "nginx", "--only", "page", "logged", "--rounds", "1",
            "--duration", "300ms", "--json", self.path("a.json"), "--html", self.path("a.html"),
            WINEPATH="Z:" + self.path("程序"))
        self.assertEqual((INVALID, ""), (code, err))
        self.assertRegex(out, r"nginx +INVALID: it ended at once: sluice: ")
        result = json.loads(content(self.path("a.json")))
        self.assertEqual(("sluice-compare/1", False), (result["schema"], result["valid"]))
        page, logged = result["scenarios"]
        ours, nginx = page["servers"]
        self.assertEqual(("sluice iocp", "nginx"), (ours["server"], nginx["server"]))
        self.assertRegex(nginx["invalid"], "^it ended at once: sluice: ")
        for server in (ours, *logged["servers"][:2]):
            self.assertGreater(server["cost"], 1000, server)  # ns of CPU time for an answer
            self.assertGreater(server["blocks"][0]["answers"], 0)
            self.assertGreater(server["peak_resident_bytes"], 1_000_000)
        self.check_text(self.path("a.html"), r"(?s)<html.*</html>\s*\Z")

    def test_a_server_against_itself(self):
        code, out, err = self.run_program("--aa", "1", "--rounds", "1", "--duration", "100ms")
        self.assertEqual((OK, ""), (code, err))
        self.assertIn("1 of 1 trials say cannot tell", out)

    def servers_of_compare(self):
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                words = content(path).decode(errors="replace").split("\0")
            except OSError:
                continue
            if "serve" in words and any("sluice-compare-" in word for word in words):
                found.append(path)
        return found

    def test_ctrl_c_ends_the_server_and_removes_the_roots(self):
        process = subprocess.Popen([*PROGRAM, "compare", "--only", "page", "--duration", "30s"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        try:
            self.eventually(self.servers_of_compare, 20, "a server")
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=20)
        finally:
            process.kill()
            process.wait()
        self.assertEqual((FAILURE, "sluice compare: stopped by a signal\n"),
                         (process.returncode, err))
        self.eventually(lambda: not self.servers_of_compare(), 10, "the server's end")

    def test_what_cannot_be_done_is_said_in_one_line(self):
        page = ("--only", "page")
        for code, arguments, text in (
                (USAGE, ("--only", "pgae"), "there is no scenario 'pgae'"),
                (FAILURE, (*page, "--servers", "nginx"), "nginx is not installed"),
                (FAILURE, (*page, "--servers", "floor"), "nothing was measured"),
                (FAILURE, (*page, "--generator", "wrk"), "wrk is not installed")):
            self.assert_one_line(code, arguments, text)


del Program  # only its subclasses run
if __name__ == "__main__":
    main()
