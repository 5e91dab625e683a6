"""`sluice bench` against our server and against servers that misbehave on purpose. Its results are
compared with the server's counts, or with values computed by hand. Whether a run is valid depends on
how busy the machine is, so only tests that force an outcome check it."""

import base64
import ctypes
import html.parser
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import zlib

from harness import (BINARY, CAPTURE, DESCRIPTORS, FIGURES, GENERATOR, HANDSHAKES, PROGRAM, UNIX_SOCKETS,
                     WINDOWS, ServerCase, limit_descriptors, linux_only, main, on_each_backend)

VALID, FAILURE, USAGE, INVALID = 0, 1, 2, 3


class Run:
    def __init__(self, *arguments, preexec=None, seconds=60, binary=None, meanwhile=None,
                 wrapper=(), environment=None):
        process = subprocess.Popen(
            [*wrapper, *([binary] if binary else PROGRAM), "bench", *arguments],
            env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=preexec)
        try:
            if meanwhile:
                meanwhile(process)
            self.out, self.err = process.communicate(timeout=seconds)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        self.code = process.returncode

    def __repr__(self):
        return f"exit code {self.code}\n{self.out}\n{self.err}"


class Result(Run):
    """A run with --json -."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, "-q", "--json", "-", **options)
        if self.code not in (VALID, INVALID):
            raise AssertionError(repr(self))
        self.json = json.loads(self.out)
        self.counts = self.json["counts"]
        self.findings = {f["name"]: f for f in self.json["validity"]["findings"]}

    def latency(self, row):
        return self.json["latency_ns"][row]


class Fake:
    """A server of one function: handle(socket, number of the connection)."""

    def __init__(self, handle, listener=None):
        self.listener = listener or socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.handle, self.threads, self.open, self.accepted = handle, [], set(), 0
        self.acceptor = threading.Thread(target=self._accept, daemon=True)
        self.acceptor.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            self.open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection, self.accepted),
                                      daemon=True)
            thread.start()

    def _serve(self, connection, number):
        try:
            self.handle(connection, number)
        except OSError:
            pass
        finally:
            self.open.discard(connection)
            connection.close()

    def stop(self):
        """Closes the listener and all connections."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def requests(connection):
    """The number of complete request heads in each read."""
    rest = b""
    while True:
        piece = connection.recv(65536)
        if not piece:
            return
        rest += piece
        heads = rest.split(b"\r\n\r\n")
        rest = heads.pop()
        for head in heads:
            yield head


def answer_all(connection, _number):
    for _ in requests(connection):
        connection.sendall(OK)


class FakeCase(unittest.TestCase):
    def fake(self, handle):
        server = Fake(handle)
        self.addCleanup(server.stop)
        return server


@on_each_backend
class OurServer(ServerCase):
    def setUp(self):
        super().setUp()
        self.put("index.html", b"x" * 500)
        self.put("large.bin", bytes(3_000_000))

    def bench(self, *arguments, **options):
        return Result(*arguments, "--backend", self.backend, **options)

    def url(self, server, path="/"):
        return f"http://127.0.0.1:{server.port}{path}"

    def test_a_run_by_number_sends_exactly_that_many(self):
        server = self.serve("--access-log", os.path.join(self.work, "log"))
        run = self.bench(self.url(server, "/?x"), "-n", "1001", "-c", "7", "-t", "2")
        self.assertEqual(1001, run.counts["answers"], run)
        self.assertEqual(1001, run.counts["requests_sent"])
        self.assertEqual({"200": 1001}, run.counts["status"])
        self.assertEqual(1001 * 500, run.counts["body_bytes"])
        self.assertEqual(7, run.counts["connections"])
        self.assertEqual(0, sum(run.counts["failures"].values()))
        self.assertEqual(2, len(run.json["validity"]["threads"]))
        server.signal()
        server.wait()
        with open(os.path.join(self.work, "log"), encoding="ascii") as log:
            lines = [line for line in log if "GET /?x HTTP/1.1" in line]
        self.assertEqual(1001 + 1, len(lines))  # and the look before the run

    @linux_only(GENERATOR)
    def test_rows_agree_with_each_other(self):
        run = self.bench(self.url(self.serve()), "-d", "1s", "-c", "16", "--warm-up", "0")
        answers = run.counts["answers"]
        self.assertGreater(answers, 100)
        for row in ("response", "service", "lateness", "first_byte", "transfer"):
            self.assertEqual(answers, run.latency(row)["count"], row)
        self.assertEqual(16, run.latency("first")["count"])
        self.assertEqual(answers - 16, run.latency("later")["count"])
        for quantile in ("p50", "p90", "p99", "max"):
            self.assertLessEqual(run.latency("first_byte")[quantile],
                                 run.latency("service")[quantile])
            self.assertLessEqual(run.latency("service")[quantile] * 0.998,
                                 run.latency("response")[quantile])
        self.assertEqual(16, run.json["handshake_ns"]["connect"]["count"])
        self.assertLess(run.json["handshake_ns"]["kernel_rtt"]["p50"],
                        run.json["handshake_ns"]["connect"]["p50"])
        self.assertEqual("ok", run.findings["little"]["level"], run.findings)
        self.assertIn("sluice", run.findings["server"]["text"])
        self.assertEqual(answers, sum(s["answers"] for s in run.json["series"]))

    @linux_only(GENERATOR)
    def test_churn_opens_a_connection_for_each_request(self):
        server = self.serve()
        run = self.bench(self.url(server), "-n", "300", "-c", "8", "--churn")
        self.assertEqual(300, run.counts["answers"], run)
        self.assertEqual(300, run.counts["connections"])
        self.assertEqual(300, run.latency("first_byte")["count"])
        self.assertEqual(0, run.latency("later")["count"])
        some = self.bench(self.url(server), "-n", "300", "-c", "1", "--churn", "7")
        self.assertEqual(300, some.counts["answers"])
        self.assertEqual(43, some.counts["connections"])
        self.assertEqual(42, some.counts["closes"]["by_server_announced"])

    @linux_only(GENERATOR)
    def test_what_follows_churn_is_its_number_or_the_url(self):
        url = self.url(self.serve())
        for arguments, opened in ((["--churn", url], 20), (["--churn", "5", url], 4),
                                  (["--churn=5", url], 4), ([url, "--churn"], 20)):
            run = self.bench(*arguments, "-n", "20", "-c", "1")
            self.assertEqual(20, run.counts["answers"], arguments)
            self.assertEqual(opened, run.counts["connections"], arguments)

    @linux_only(HANDSHAKES)
    def test_the_wait_to_be_accepted_has_a_row_of_its_own(self):
        """A server that is stopped for 50 ms accepts no connection, but its kernel completes the
        handshakes. The wait shows in the accept column, to a tick (at most 10 ms), and not before."""
        server = self.serve("--server-timing")
        stops = []

        def stall(_):
            for _ in range(8):
                time.sleep(0.1)
                began = time.monotonic()
                server.signal(signal.SIGSTOP)
                time.sleep(0.05)
                server.signal(signal.SIGCONT)
                stops.append((time.monotonic() - began) * 1e9)

        run = self.bench(self.url(server), "--churn", "-c", "16", "-d", "2s", "--warm-up", "0",
                         meanwhile=stall)
        rows = run.json["handshake_ns"]
        tick = 10e6
        self.assertEqual(run.counts["answers"], rows["accept_wait"]["count"])
        self.assertGreater(rows["accept_wait"]["max"], 50e6 - tick, run)
        self.assertLess(rows["accept_wait"]["max"], max(stops) + 30e6, run)
        self.assertLess(rows["kernel_rtt"]["p99"], 10e6)
        self.assertLess(rows["kernel_rtt"]["max"], 40e6)
        silent = self.bench(self.url(self.serve()), "--churn", "-n", "20")
        self.assertEqual({"count": 0}, silent.json["handshake_ns"]["accept_wait"])

    @linux_only(GENERATOR)
    def test_answers_are_compared_with_a_directory(self):
        self.put("a b/page.html", b"y" * 1000)
        server = self.serve()
        urls = [self.url(server, path) for path in ("/?x=1", "/a%20b/page.html", "/large.bin")]
        run = self.bench(*urls, "-n", "60", "--verify-root", self.root)
        self.assertEqual({"200": 60}, run.counts["status"], run)
        self.assertEqual(0, run.counts["failures"]["body_differs"])
        head = self.bench(urls[1], "-n", "20", "-X", "HEAD", "--verify-root", self.root)
        self.assertEqual(0, head.counts["failures"]["body_differs"], head)
        other = os.path.join(self.work, "other")
        shutil.copytree(self.root, other)
        with open(os.path.join(other, "a b", "page.html"), "r+b") as page:
            page.write(b"z")  # the same length, other content
        run = self.bench(*urls, "-n", "60", "--verify-root", other)
        self.assertEqual(INVALID, run.code)
        self.assertGreater(run.counts["failures"]["body_differs"], 5)
        self.assertLess(run.counts["failures"]["body_differs"], 40)
        none = Run(self.url(server), "-n", "5", "--verify-root", self.work)
        self.assertEqual(FAILURE, none.code)
        self.assertIn("index.html cannot be opened", none.err)

    @linux_only(GENERATOR)
    def test_conditional_and_range_modes(self):
        """As docs/bench.md shows them."""
        server = self.serve()
        with server.connect() as client:
            answer = client.ask("/")
            tag, date = answer["ETag"], answer["Last-Modified"]
        for fields, status, size in (
                ([f"If-None-Match: {tag}"], 304, 0), ([f"If-Modified-Since: {date}"], 304, 0),
                (["If-None-Match: \"other\""], 200, 500), (["If-Match: \"other\""], 412, None),
                (["Range: bytes=0-99"], 206, 100),
                (["Range: bytes=-50", f"If-Range: {tag}"], 206, 50),
                (["Range: bytes=-50", "If-Range: \"other\""], 200, 500)):
            arguments = [text for field in fields for text in ("-H", field)]
            run = self.bench(self.url(server), "-n", "40", "-c", "2", "--verify", *arguments)
            self.assertEqual({str(status): 40}, run.counts["status"], fields)
            self.assertEqual(0, run.counts["failures"]["body_differs"])
            if size is not None:
                self.assertEqual(40 * size, run.counts["body_bytes"], fields)

    def test_our_json_log_is_replayed(self):
        log = os.path.join(self.work, "log.json")
        server = self.serve("--access-log", log, "--log-format", "json")
        with server.connect() as client:
            for number in range(20):
                client.ask(f"/?{number}" if number % 5 else "/missing",
                           "HEAD" if number % 2 else "GET")
            client.ask("/", "OPTIONS")
        self.eventually(lambda: os.path.getsize(log) > 0 and len(
            open(log, encoding="utf-8").readlines()) == 21)
        run = self.bench(self.url(self.serve()), "--replay", log, "-c", "4")
        self.assertEqual({"200": 16, "404": 4}, run.counts["status"], run)
        self.assertIn("1 of the log's lines", run.err)

    @linux_only(GENERATOR)
    def test_pipelining(self):
        server = self.serve()
        run = self.bench(self.url(server), "-n", "5000", "-c", "3", "--pipeline", "16")
        self.assertEqual(5000, run.counts["answers"], run)
        self.assertEqual(3, run.counts["connections"])
        self.assertEqual(0, sum(run.counts["failures"].values()))
        # Different answers in a row: each must be matched to its own request.
        mixed = self.bench(self.url(server), self.url(server, "/large.bin"),
                           self.url(server, "/missing"), "--weights", "5,1,5", "-n", "300",
                           "-c", "2", "--pipeline", "8", "--verify")
        self.assertEqual(300, mixed.counts["answers"], mixed)
        self.assertEqual(0, sum(mixed.counts["failures"].values()), mixed)

    @linux_only(GENERATOR)
    def test_large_bodies_have_a_transfer_time(self):
        run = self.bench(self.url(self.serve(), "/large.bin"), "-n", "40", "-c", "4")
        self.assertEqual(40 * 3_000_000, run.counts["body_bytes"], run)
        self.assertGreater(run.latency("transfer")["p50"], 0)
        self.assertLess(run.latency("first_byte")["p50"], run.latency("service")["p50"])

    @linux_only(GENERATOR)
    def test_methods_headers_and_weights(self):
        server = self.serve()
        head = self.bench(self.url(server), "-n", "50", "-c", "2", "-X", "HEAD")
        self.assertEqual({"200": 50}, head.counts["status"], head)
        self.assertEqual(0, head.counts["body_bytes"])
        tag = None
        with server.connect() as client:
            tag = client.ask("/")["ETag"]
        run = self.bench(self.url(server), "-n", "50", "-c", "2", "-H", f"If-None-Match: {tag}")
        self.assertEqual({"304": 50}, run.counts["status"])
        mixed = self.bench(self.url(server), self.url(server, "/missing"), "--weights", "3,1",
                           "-n", "2000", "-c", "4")
        self.assertAlmostEqual(500, mixed.counts["status"]["404"], delta=100)
        self.assertEqual("note", mixed.findings["status"]["level"])
        self.assertEqual(mixed.counts["status"]["404"], mixed.latency("4xx")["count"])
        again = self.bench(self.url(server), self.url(server, "/missing"), "--weights", "3,1",
                           "-n", "2000", "-c", "4")
        self.assertEqual(mixed.counts["status"], again.counts["status"])  # the seed decides

    @linux_only(FIGURES)
    def test_an_open_loop_sends_what_was_planned(self):
        server = self.serve()
        for arrivals in ("uniform", "poisson"):
            run = self.bench(self.url(server), "--rate", "500", "-d", "2s", "-c", "20",
                             "--warm-up", "0", "--arrivals", arrivals)
            deviation = 0 if arrivals == "uniform" else 5 * 1000 ** 0.5
            self.assertAlmostEqual(1000, run.counts["requests_sent"], delta=deviation)
            self.assertEqual(run.counts["requests_sent"], run.counts["answers"])
            self.assertEqual(run.counts["requests_sent"], run.counts["offered"])
            self.assertEqual("ok", run.findings["rate"]["level"], run.findings)
        churn = self.bench(self.url(server), "--rate", "200", "-d", "1s", "-c", "20",
                           "--warm-up", "0", "--churn")
        self.assertEqual(200, churn.counts["answers"], churn)
        self.assertEqual(200, churn.counts["connections"])

    @linux_only(FIGURES)
    def test_a_ramp(self):
        run = self.bench(self.url(self.serve()), "--rate", "100", "--ramp", "500", "-d", "2s",
                         "--warm-up", "0", "-c", "20")
        self.assertAlmostEqual(600, run.counts["answers"], delta=1)
        first, second = (s["answers"] for s in run.json["series"])
        self.assertAlmostEqual(200, first, delta=60)
        self.assertAlmostEqual(400, second, delta=60)

    @linux_only(GENERATOR)
    def test_a_log_is_replayed_at_its_own_spacing(self):
        server = self.serve("--access-log", os.path.join(self.work, "log"))
        asked = []
        with open(os.path.join(self.work, "old.log"), "w", encoding="ascii") as log:
            for number in range(60):
                second = 58 + number // 20  # 20 requests in each of three seconds
                path = f"/?{number}" if number % 7 else "/missing"
                asked.append(path)
                log.write(f"::1 - - [22/Nov/2026:10:{second // 60:02}:{second % 60:02} +0000] "
                          f"\"GET {path} HTTP/1.1\" 200 500\n")
            log.write("nonsense\n")
        run = self.bench(self.url(server, "/none"), "--replay",
                         os.path.join(self.work, "old.log"), "-c", "1")  # they stay in order
        self.assertEqual({"200": 51, "404": 9}, run.counts["status"], run)
        self.assertIn("1 of the log's lines", run.err)
        self.assertEqual(60, run.counts["offered"])
        self.assertEqual(3e9, run.json["window_ns"])
        first, second, third = (s["answers"] for s in run.json["series"])
        self.assertLessEqual(first, 20)  # a busy machine may be late, but never early
        self.assertLessEqual(first + second, 40)
        self.assertEqual(60, first + second + third)
        server.signal()
        server.wait()
        with open(os.path.join(self.work, "log"), encoding="ascii") as log:
            got = [line.split('"')[1].split()[1] for line in log]
        self.assertEqual(asked, got[1:])  # the first was the look before the run

    @linux_only(UNIX_SOCKETS)
    def test_unix_sockets(self):
        path = os.path.join(self.work, "s.sock")
        self.serve(listen=(f"unix:{path}",))
        run = self.bench(f"unix:{path}", "-n", "100", "-c", "4")
        self.assertEqual({"200": 100}, run.counts["status"], run)
        self.assertEqual(0, run.json["handshake_ns"]["kernel_rtt"]["count"])

    def test_ipv6(self):
        server = self.serve(listen=("[::1]:0",))
        run = self.bench(f"http://[::1]:{server.port}/", "-n", "100", "-c", "4")
        self.assertEqual({"200": 100}, run.counts["status"], run)
        self.assertEqual(not WINDOWS, run.json["handshake_ns"]["kernel_rtt"]["count"] > 0)

    def test_the_server_ends_in_the_middle(self):
        server = self.serve(check=False)
        run = Result(self.url(server), "-d", "20s", "--warm-up", "0", "-c", "8", "--backend",
                     self.backend, meanwhile=lambda _: (time.sleep(2), server.kill()),
                     seconds=15)
        self.assertEqual(INVALID, run.code)
        self.assertGreater(run.counts["answers"], 0)
        self.assertIn("ended by itself", run.findings["end"]["text"])
        self.assertIn("refused", run.findings["end"]["text"])

    def test_ctrl_c_keeps_what_was_measured(self):
        run = Result(self.url(self.serve()), "-d", "30s", "-c", "4", "--backend", self.backend,
                     meanwhile=lambda p: (time.sleep(4 if WINDOWS else 1.5),
                                          p.send_signal(signal.SIGINT)),
                     seconds=20)
        self.assertGreater(run.counts["answers"], 0)
        self.assertIn("early", run.findings["end"]["text"])
        self.assertLess(run.json["window_ns"], 10e9)

    def test_the_report_for_people(self):
        run = Run(self.url(self.serve()), "-d", "2s", "-c", "4", "--backend", self.backend)
        self.assertIn(run.code, (VALID, INVALID))
        self.assertRegex(run.out, r"\n(VALID|INVALID): ")
        self.assertLess(run.out.index("VALID"), run.out.index("requests per second"))
        for word in ("response", "service", "lateness", "connect", "p99.99"):
            self.assertIn(word, run.out)
        self.assertEqual(not WINDOWS, "kernel rtt" in run.out)
        live = [line for line in run.err.splitlines() if "response p50" in line]
        self.assertEqual(3, len(live), run.err)  # the warm-up and two seconds
        self.assertIn("warm-up", live[0])


@on_each_backend
@linux_only(CAPTURE)
class Wire(ServerCase):
    """--verify-wire, in a private network of server and bench, so that no privilege is needed."""

    def setUp(self):
        super().setUp()
        self.put("index.html", b"x" * 500)
        self.server = self.serve(wrapper=(
            "unshare", "--user", "--map-root-user", "--net", "sh", "-c",
            'ip link set lo up && exec "$@"', "sh"))
        self.inside = ("nsenter", "--target", str(self.server.pid), "--user", "--net",
                       "--preserve-credentials")

    def bench(self, *arguments, clock=None):
        hook = os.path.join(os.path.dirname(BINARY), "tests", "libclock_hook.so")
        # The dynamic loader reads a space in the path as the end of a name.
        preload = shutil.copy(hook, os.path.join(self.work, "clock_hook.so"))
        environment = {"LD_PRELOAD": preload, "CLOCK_HOOK": clock,
                       "ASAN_OPTIONS": "verify_asan_link_order=0"} if clock else {}
        return Result(f"http://127.0.0.1:{self.server.port}/", "--verify-wire", "--backend",
                      self.backend, *arguments, wrapper=self.inside, environment=environment)

    def test_the_clocks_agree(self):
        for arguments in (["-c", "8", "-d", "1s"], ["-c", "40", "-n", "800", "--churn"],
                          ["-c", "2", "-n", "4000", "--pipeline", "8"]):
            run = self.bench(*arguments)
            wire = run.json["wire"]
            self.assertEqual("ok", run.findings["wire"]["level"], run.findings)
            self.assertGreater(wire["requests"], 10)
            self.assertGreater(wire["handshakes"], 0)
            self.assertLess(wire["unmatched"], wire["requests"] / 5 + 5, run)
            self.assertEqual(0, wire["shortfall_ns"]["count"])
            self.assertEqual(0, wire["contradiction_ns"])
            self.assertLess(wire["kernel_rtt_ns"]["p50"], 1e6)

    def test_a_corrupted_timer_is_caught(self):
        slow = self.bench("-c", "4", "-d", "1s", clock="slow")
        self.assertEqual(INVALID, slow.code)
        self.assertEqual("invalid", slow.findings["wire"]["level"], slow.findings)
        self.assertAlmostEqual(20e6, slow.json["wire"]["contradiction_ns"], delta=15e6)
        coarse = self.bench("-c", "4", "-d", "1s", clock="coarse")
        self.assertEqual(INVALID, coarse.code)
        self.assertEqual("invalid", coarse.findings["wire"]["level"], coarse.findings)
        self.assertGreater(coarse.json["wire"]["shortfall_ns"]["count"], 0)

    def test_without_the_right_it_says_so(self):
        self.server.signal()
        self.server.wait()
        server = self.serve()

        def drop_capabilities():
            libc = ctypes.CDLL(None, use_errno=True)
            for capability in (12, 13):  # CAP_NET_ADMIN, CAP_NET_RAW leave the bounding set
                libc.prctl(24, capability, 0, 0, 0)

        run = Run(f"http://127.0.0.1:{server.port}/", "--verify-wire", "-d", "1s", "-q",
                  preexec=drop_capabilities)
        self.assertEqual(FAILURE, run.code, run)
        self.assertIn("CAP_NET_RAW", run.err)
        self.assertEqual(1, len(run.err.splitlines()))


class Honest(FakeCase):
    """Figures that were computed by hand."""

    @linux_only(FIGURES)
    def test_a_stall_has_its_full_weight_in_open_loop(self):
        """The server answers nothing during 100 ms of each second. A tenth of the evenly spread
        requests fall into the stall and wait 0 to 100 ms, evenly. So the quantile q above 0.9 is
        (q - 0.9) x 1 s, and the mean is 5 ms. With one connection only the first of them is sent
        during the stall: the service time, like a closed loop, sees 1 of 200."""

        def stalling(connection, _number):
            for _ in requests(connection):
                phase = time.monotonic() % 1
                if phase < 0.1:
                    time.sleep(0.1 - phase)
                connection.sendall(OK)

        run = Result(self.fake(stalling).url, "--rate", "200", "-d", "5s", "-c", "1",
                     "--warm-up", "0")
        response, service = run.latency("response"), run.latency("service")
        self.assertAlmostEqual(1000, run.counts["answers"], delta=50)  # a busy machine is late
        self.assertAlmostEqual(90e6, response["p99"], delta=15e6)
        self.assertAlmostEqual(100e6, response["max"], delta=30e6)
        self.assertAlmostEqual(5e6, response["mean"], delta=3e6)
        self.assertLess(response["p75"], 20e6)
        self.assertLess(service["p99"], 30e6)
        self.assertAlmostEqual(100e6, service["max"], delta=30e6)

    @linux_only(FIGURES)
    def test_a_slow_server_takes_as_long_as_it_takes(self):
        def slow(connection, _number):
            for _ in requests(connection):
                time.sleep(0.05)
                connection.sendall(OK[:10])
                time.sleep(0.03)
                connection.sendall(OK[10:])

        run = Result(self.fake(slow).url, "-n", "40", "-c", "4")
        self.assertAlmostEqual(50e6, run.latency("first_byte")["p50"], delta=20e6)
        self.assertAlmostEqual(30e6, run.latency("transfer")["p50"], delta=20e6)
        self.assertAlmostEqual(80e6, run.latency("service")["p50"], delta=30e6)
        self.assertGreaterEqual(run.latency("service")["min"], 80e6)

    @linux_only(FIGURES)
    def test_a_rate_that_is_not_kept_is_invalid(self):
        def slow(connection, _number):
            for _ in requests(connection):
                time.sleep(0.02)
                connection.sendall(OK)

        run = Result(self.fake(slow).url, "--rate", "400", "-d", "2s", "-c", "2", "--warm-up", "0")
        self.assertEqual(INVALID, run.code)
        self.assertEqual("invalid", run.findings["rate"]["level"])
        # 100 a second are served, so after two seconds the next one is 1.5 s late.
        self.assertGreater(run.latency("response")["max"], 1e9)
        self.assertLess(run.latency("service")["p50"], 60e6)
        # No connection was free, so the generator is not to blame.
        self.assertEqual("ok", run.findings["lateness"]["level"], run.findings)

    @linux_only(FIGURES)
    def test_a_starved_generator_is_invalid(self):
        server = self.fake(answer_all)
        cpu = min(os.sched_getaffinity(0))
        busy = [subprocess.Popen(
            ["python3", "-c", "while True: pass"],
            preexec_fn=lambda: os.sched_setaffinity(0, {cpu})) for _ in range(4)]
        try:
            run = Result(server.url, "-d", "1s", "-c", "8",
                         preexec=lambda: os.sched_setaffinity(0, {cpu}))
        finally:
            for process in busy:
                process.kill()
                process.wait()
        self.assertEqual(INVALID, run.code)
        self.assertEqual("invalid", run.findings["generator"]["level"])
        self.assertIn("kept from running", run.findings["generator"]["text"])

    def test_bodies_are_verified(self):
        def liar(connection, _number):
            for count, head in enumerate(requests(connection), 1):
                body = b"OK" if count % 5 == 0 else b"/b" if b" /b " in head else b"ok"
                connection.sendall(OK[:-2] + body)

        server = self.fake(liar)
        run = Result(server.url, server.url + "b", "-n", "100", "-c", "1", "--verify")
        self.assertEqual(INVALID, run.code)
        self.assertEqual(20, run.counts["failures"]["body_differs"], run)
        self.assertEqual(100, run.counts["answers"])
        honest = Result(self.fake(answer_all).url, "-n", "100", "-c", "2", "--verify")
        self.assertEqual(0, honest.counts["failures"]["body_differs"])

    @linux_only(FIGURES)
    def test_the_highest_rate_is_found(self):
        """5 ms for each request on one connection: at most 200 a second."""

        def slow(connection, _number):
            for _ in requests(connection):
                time.sleep(0.005)
                connection.sendall(OK)

        server = self.fake(slow)
        for _ in range(6):
            run = Run(server.url, "--find-rate", "--slo", "p90=150ms", "--rate", "60", "-c", "1",
                      "-d", "1s", "--warm-up", "0")
            if re.search(r"120\.0/s  holds", run.out) and "ended early" not in run.out:
                break  # otherwise the machine was too busy for the server or the generator
        self.assertEqual(VALID, run.code, run)
        found = re.search(r"([\d.,]+) requests per second keep p90 within 150 ms; ([\d.,]+) do not",
                          run.out)
        self.assertTrue(found, run)
        held, failed = (float(number.replace(",", "")) for number in found.groups())
        self.assertGreater(held, 110)
        self.assertLess(held, 205)
        self.assertLessEqual(failed, held * 1.051)
        self.assertRegex(run.out, r"60\.0/s  holds")
        self.assertRegex(run.out, r"240\.0/s  fails")

    def test_answers_that_never_come_time_out(self):
        def never(connection, number):
            for count, _ in enumerate(requests(connection)):
                if number == 1 or count < 3:
                    connection.sendall(OK)

        run = Result(self.fake(never).url, "-d", "1s", "-c", "4", "--timeout", "300ms")
        self.assertEqual(INVALID, run.code)
        self.assertGreater(run.counts["failures"]["timed_out"], 4)
        self.assertEqual("invalid", run.findings["failures"]["level"])

    def test_how_connections_end_is_told_apart(self):
        def three_ways(connection, number):
            if number == 1:  # the look before the run
                return answer_all(connection, number)
            for _ in requests(connection):
                if number % 3 == 0:
                    connection.sendall(OK)
                    return None  # FIN between two requests
                if number % 3 == 1:
                    connection.sendall(OK[:20])
                    return None  # FIN in the middle of an answer
                linger = b"\x01\0\0\0\0\0\0\0"
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                return None  # RST
            return None

        run = Result(self.fake(three_ways).url, "-d", "1s", "-c", "1")
        self.assertEqual(INVALID, run.code)
        for kind in ("by_server_outstanding", "reset_outstanding"):
            self.assertGreater(run.counts["closes"][kind], 0, run.counts)
        self.assertGreater(run.counts["closes"]["by_server_idle"] +
                           run.counts["closes"]["by_server_outstanding"], 1)
        self.assertGreater(run.counts["failures"]["reset"], 0)
        self.assertGreater(run.counts["failures"]["closed_early"], 0)

    def test_answers_that_end_with_the_connection(self):
        def old(connection, _number):
            for _ in requests(connection):
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")
                return

        run = Result(self.fake(old).url, "-n", "60", "-c", "3")
        self.assertEqual(60, run.counts["answers"], run)
        self.assertEqual(60 * 13, run.counts["body_bytes"])
        self.assertEqual(0, sum(run.counts["failures"].values()))


def hdr_counts(text):
    """Reads HdrHistogram's V2 encoding, written from its description and not from our code:
    {lowest value of the bucket: count}."""
    packed = base64.b64decode(text)
    cookie, length = struct.unpack_from(">II", packed)
    assert cookie == 0x1C849314 and length == len(packed) - 8, text
    plain = zlib.decompress(packed[8:])
    cookie, length, offset, digits, low, high, ratio = struct.unpack_from(">IIiiqqd", plain)
    assert (cookie, offset, digits, low, high, ratio) == (
        0x1C849313, 0, 3, 1, 3600 * 10**9, 1.0), plain[:40]
    at, index, counts = 40, 0, {}
    assert len(plain) == at + length
    while at < len(plain):
        raw = shift = 0
        for byte in range(9):
            octet = plain[at]
            at += 1
            raw |= (octet if byte == 8 else octet & 0x7F) << shift
            shift += 7
            if octet < 0x80:
                break
        value = (raw >> 1) ^ -(raw & 1)
        if value < 0:
            index += -value
            continue
        bucket = max(0, index // 1024 - 1)
        counts[(index - bucket * 1024) << bucket] = value
        index += 1
    return {low: count for low, count in counts.items() if count}


class Page(html.parser.HTMLParser):
    """Checks that the page is well nested and loads nothing from elsewhere."""

    VOID = {"meta", "line", "polyline", "rect", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.links, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.links += [v for k, v in attrs if k in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        self.text += data


class Files(FakeCase):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="sluice-bench-")
        self.addCleanup(shutil.rmtree, self.work, True)

    def path(self, name):
        return os.path.join(self.work, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def test_hdr_files_hold_what_was_measured(self):
        run = Result(self.fake(answer_all).url, "--rate", "300", "-d", "2s", "-c", "4",
                     "--hdr", self.path("r"))
        lines = [line for line in self.read("r.hlog").splitlines()
                 if not line.startswith(("#", '"'))]
        self.assertEqual(4, len(lines))  # two seconds, two kinds
        total = {"response": 0, "service": 0}
        for line in lines:
            tag, start, length, highest, histogram = line.split(",")
            counts = hdr_counts(histogram)
            total[tag.removeprefix("Tag=")] += sum(counts.values())
            self.assertAlmostEqual(1.0, float(length), delta=0.6)
            self.assertGreaterEqual(float(start), 0.19)
            self.assertAlmostEqual(max(counts) / 1e6, float(highest), delta=max(counts) / 1e8)
        self.assertEqual(run.counts["answers"], total["response"])
        self.assertEqual(run.counts["answers"], total["service"])
        for row in ("response", "service"):
            text = self.read(f"r.{row}.hgrm")
            points = [[float(word) for word in line.split()] for line in text.splitlines()[2:]
                      if line and not line.startswith("#")]
            self.assertEqual(run.counts["answers"], points[-1][2])
            self.assertAlmostEqual(run.latency(row)["max"] / 1e3, points[-1][0], delta=0.01)
            self.assertIn("#[Max     =", text)

    def test_the_time_series(self):
        run = Result(self.fake(answer_all).url, "--rate", "200", "-d", "2s", "-c", "4",
                     "--csv", self.path("s.csv"))
        head, *lines = self.read("s.csv").splitlines()
        rows = [dict(zip(head.split(","), line.split(","))) for line in lines]
        self.assertEqual(["1", "0", "0"], [row["warmup"] for row in rows])
        self.assertEqual(run.counts["answers"],
                         sum(int(row["answers"]) for row in rows if row["warmup"] == "0"))

    def test_the_page_needs_nothing_else(self):
        Result(self.fake(answer_all).url + "?<script>&'", "-d", "1s", "-c", "4",
               "--html", self.path("r.html"))
        text = self.read("r.html")
        page = Page(text)
        self.assertEqual([], page.links)
        self.assertEqual(5, page.seen.count("svg"))
        self.assertNotIn("script", page.seen)
        self.assertIn("?<script>&'", page.text)
        self.assertNotIn("nan", text)
        self.assertNotIn("inf", text)

    def test_what_cannot_be_written_is_said(self):
        run = Run(self.fake(answer_all).url, "-n", "10", "-c", "1", "-q",
                  "--json", self.path("no/such/folder"))
        self.assertEqual(FAILURE, run.code)
        self.assertIn("could not be written", run.err)
        self.assertEqual("", run.out)  # detected before the run


class BadInput(FakeCase):
    def refuse(self, *arguments, code=FAILURE, seconds=15, **options):
        """One line on stderr, nothing on stdout."""
        run = Run(*arguments, "-d", "1s", seconds=seconds, **options)
        self.assertEqual(code, run.code, run)
        self.assertEqual("", run.out)
        lines = run.err.splitlines()
        self.assertEqual(1, len(lines), run.err)
        self.assertTrue(lines[0].startswith("sluice"), run.err)
        return lines[0]

    def test_nobody_listens(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.assertIn("connection refused", self.refuse(f"http://127.0.0.1:{port}/"))
        self.assertIn("no such host", self.refuse("http://no-such-host.invalid/"))
        self.assertIn("/no/such.sock", self.refuse("unix:/no/such.sock"))

    def test_urls(self):
        self.assertIn("TLS", self.refuse("https://127.0.0.1/", code=USAGE))
        self.assertIn("one server", self.refuse("http://127.0.0.1:1/", "http://127.0.0.1:2/",
                                                 code=USAGE))
        self.assertIn("URL", self.refuse(code=USAGE))

    def test_what_is_no_http(self):
        def tls(connection, _number):
            connection.recv(100)
            connection.sendall(b"\x15\x03\x01\x00\x02\x02\x16")

        def mute(connection, _number):
            connection.recv(100)

        def greeting(connection, _number):
            connection.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
            connection.recv(100)

        self.assertIn("no HTTP answer", self.refuse(self.fake(greeting).url))
        self.assertIn("TLS", self.refuse(self.fake(tls).url))
        self.assertIn("TLS", self.refuse(self.fake(mute).url))

    def test_a_server_that_never_answers(self):
        def silent(connection, _number):
            connection.recv(100)
            time.sleep(10)

        line = self.refuse(self.fake(silent).url, "--timeout", "500ms", seconds=10)
        self.assertIn("no complete answer in time", line)

    def test_options_that_contradict_each_other(self):
        url = "http://127.0.0.1:9/"
        for arguments in (("--rate", "5", "-n", "5"), ("-t", "4", "-c", "2"),
                          ("--ramp", "5"), ("--weights", "1,2"), ("--rate", "-1"),
                          ("--churn", "0"), ("-c", "0"), ("--arrivals", "often"),
                          ("--warm-up", "soon"), ("--slo", "p99"), ("--slo", "p0=1s"),
                          ("--find-rate", "-n", "5")):
            self.refuse(url, *arguments, code=USAGE)
        self.refuse(url, "--replay", "x", "--rate", "5", code=USAGE)
        self.assertIn("empty", self.refuse(url, "--replay", "/dev/null"))
        self.assertIn("no GET", self.refuse(url, "--replay", __file__))
        self.assertIn("read", self.refuse(url, "--replay", "/no/such/log"))
        self.refuse(url, "-X", "GET IT", code=USAGE)
        self.refuse(url, "-H", "no colon", code=USAGE)

    @linux_only(DESCRIPTORS)
    def test_too_few_descriptors(self):
        line = self.refuse(self.fake(answer_all).url, "-c", "500", preexec=limit_descriptors(100))
        self.assertIn("open files", line)


if __name__ == "__main__":
    main()
