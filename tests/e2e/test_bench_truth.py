"""Cases where `sluice bench` might wrongly call a run valid or invalid: the end of the run and of the
warm-up, signals, counts that must add up. The servers misbehave at times relative to their first
request, which is the look before the run or the run's first."""

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time
import unittest

from harness import PROGRAM, TREE, limit_descriptors, main
from test_bench import (FAILURE, INVALID, OK, USAGE, VALID, Fake, FakeCase, Result, Run, answer_all,
                        requests)


class Clocked:
    """A server that waits stand_still(seconds since the run's first request) seconds before it
    answers. It answers the look before the run at once."""

    def __init__(self, stand_still):
        self.stand_still, self.asked, self.answered, self.first = stand_still, 0, 0, None

    def __call__(self, connection, _number):
        for _ in requests(connection):
            self.asked += 1
            if self.asked > 1:
                self.first = self.first or time.monotonic()
                time.sleep(max(0, self.stand_still(time.monotonic() - self.first)))
            connection.sendall(OK)
            self.answered += 1


class TheEnd(FakeCase):
    """Planned requests count, whether or not they could be sent before the end."""

    def test_a_stall_at_the_end_is_measured(self):
        server = self.fake(Clocked(lambda now: 2.5 - now if now > 1.5 else 0))
        run = Result(server.url, "--rate", "200", "-d", "2s", "-c", "2", "--warm-up", "0")
        self.assertEqual(400, run.counts["offered"], run)
        self.assertEqual(400, run.counts["answers"])
        self.assertEqual(0, run.counts["failures"]["never_sent"])
        self.assertGreater(run.latency("response")["p90"], 0.4e9)
        self.assertGreater(run.latency("response")["p99"], 0.8e9)
        self.assertGreater(run.counts["answers_after_end"], 50)

    def test_what_was_never_sent_makes_it_invalid(self):
        server = self.fake(Clocked(lambda now: 30 if now > 0.5 else 0))
        run = Result(server.url, "--rate", "100", "-d", "1s", "-c", "1", "--warm-up", "0",
                     "--timeout", "500ms")
        self.assertEqual(INVALID, run.code)
        self.assertEqual("invalid", run.findings["failures"]["level"])
        self.assertIn("never sent", run.findings["failures"]["text"])
        self.assertGreater(run.counts["failures"]["never_sent"], 30)
        self.assertEqual(100, run.counts["offered"])
        self.assertEqual(100, run.counts["answers"] + run.counts["requests_failed"])

    def test_with_churn_the_last_ones_are_sent_too(self):
        server = self.fake(Clocked(lambda now: 1.3 - now if now > 0.9 else 0))
        run = Result(server.url, "--rate", "100", "-d", "1s", "-c", "2", "--warm-up", "0",
                     "--churn")
        self.assertEqual(100, run.counts["answers"], run)
        self.assertEqual(100, run.counts["connections"])

    def test_nothing_achieved_is_invalid(self):
        server = self.fake(Clocked(lambda now: 1.2))
        for loop in (["--rate", "20"], []):
            run = Result(server.url, *loop, "-d", "300ms", "--warm-up", "0", "-c", "3")
            self.assertEqual(INVALID, run.code, run)
            self.assertEqual("invalid", run.findings["end"]["level"])
            self.assertGreater(run.counts["answers"], 0)
            self.assertEqual(run.counts["answers"], run.counts["answers_after_end"])


class OwnPauses(FakeCase):
    """Pauses of the generator are told from those of the server."""

    def test_a_generator_that_stood_still_says_so(self):
        def stop(process):
            time.sleep(1)
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.4)
            process.send_signal(signal.SIGCONT)

        run = Result(self.fake(answer_all).url, "--rate", "200", "-d", "3s", "-c", "4",
                     "--warm-up", "0", meanwhile=stop)
        self.assertEqual(INVALID, run.code)
        self.assertEqual("invalid", run.findings["pauses"]["level"], run)
        self.assertRegex(run.findings["pauses"]["text"], r"most of .*response.* p99")
        pauses = run.json["validity"]["pauses"]
        self.assertGreater(pauses["max_ns"], 0.35e9)
        self.assertGreater(pauses["requests"], 50)
        self.assertGreater(run.latency("response")["p99"], 0.2e9)  # as it was measured

    def test_a_server_that_stood_still_is_not_taken_for_it(self):
        server = self.fake(Clocked(lambda now: 2 - now if now > 1 else 0))
        run = Result(server.url, "--rate", "100", "-d", "2s", "-c", "4", "--warm-up", "0")
        self.assertGreater(run.latency("response")["p90"], 0.5e9)
        self.assertLess(run.json["validity"]["pauses"]["max_ns"], 0.5e9, run)
        self.assertNotRegex(run.findings["pauses"]["text"], r"most of response[ p\d.,]* p9")


class Counts(FakeCase):
    """Each request is in exactly one count, and all documented counts are there."""

    ROWS = {"response", "service", "lateness", "write", "first_byte", "transfer", "first", "later",
            "1xx", "2xx", "3xx", "4xx", "5xx", "beyond_5xx"}
    HANDSHAKES = {"connect", "kernel_rtt", "accept_wait", "packet_lost"}

    def test_every_row_is_there_and_no_quantile_of_too_few_values(self):
        server = self.fake(answer_all)
        for number, known in ((1, []), (2, ["p50"]), (10, ["p50", "p75", "p90"]),
                              (100, ["p50", "p75", "p90", "p99"])):
            run = Result(server.url, "-n", str(number), "-c", "1")
            self.assertEqual(self.ROWS, set(run.json["latency_ns"]))
            self.assertEqual(self.HANDSHAKES, set(run.json["handshake_ns"]))
            row = run.latency("response")
            self.assertEqual(known, [name for name in row if re.match(r"p\d", name)])
            self.assertEqual({"count": 0}, run.latency("4xx"))
            second = run.json["series"][0]
            self.assertEqual("p50" in known, "response_p50" in second)
            self.assertEqual("p99" in known, "service_p99" in second)
            self.assertIn("response_max", second)

    def test_statuses_beyond_599_are_what_they_are(self):
        def odd(connection, _number):
            for count, _ in enumerate(requests(connection)):
                status = (200, 599, 600, 777, 999)[count % 5]
                connection.sendall(OK.replace(b"200", str(status).encode()))

        run = Result(self.fake(odd).url, "-n", "100", "-c", "1")
        self.assertEqual({"200": 20, "599": 20, "600": 20, "777": 20, "999": 20},
                         run.counts["status"])
        self.assertEqual(20, run.latency("5xx")["count"])
        self.assertEqual(60, run.latency("beyond_5xx")["count"])

    def test_a_wrong_body_is_an_answer_and_no_failed_request(self):
        def liar(connection, _number):
            for count, _ in enumerate(requests(connection)):
                connection.sendall(OK[:-2] + (b"OK" if count % 5 == 4 else b"ok"))

        run = Result(self.fake(liar).url, "-n", "100", "-c", "1", "--verify")
        self.assertEqual(INVALID, run.code)
        self.assertEqual(100, run.counts["answers"])
        self.assertEqual(0, run.counts["requests_failed"])
        self.assertEqual(20, run.counts["failures"]["body_differs"])

    def test_every_request_that_the_server_saw_is_counted(self):
        seen = []

        def unsteady(connection, _number):
            for head in requests(connection):
                seen.append(head)
                if len(seen) % 7 == 6:
                    return
                connection.sendall(OK)

        for loop in (["--rate", "300"], []):
            seen.clear()
            run = Result(self.fake(unsteady).url, *loop, "-d", "1s", "--warm-up", "300ms", "-c", "3")
            counts = run.counts
            sent = counts["requests_sent"] + counts["requests_sent_in_warmup"]
            self.assertEqual(len(seen), sent + counts["requests_sent_in_look"], run)
            self.assertEqual(sent, counts["answers"] + counts["requests_failed"] +
                             counts["answers_in_warmup"] + counts["requests_failed_in_warmup"])
            self.assertEqual(1, counts["requests_sent_in_look"])
            self.assertIn("before the run", run.findings["look"]["text"])


class Little(FakeCase):
    """The counts are right, so the check by Little's law does not reject them."""

    def residual(self, run):
        self.assertNotEqual("invalid", run.findings["little"]["level"], run.findings)
        return abs(run.json["validity"]["little_residual"])

    def test_a_stall_across_the_end_of_the_warm_up(self):
        server = self.fake(Clocked(lambda now: 0.6 - now if 0.2 < now < 0.6 else 0))
        run = Result(server.url, "--rate", "200", "-d", "1s", "--warm-up", "400ms", "-c", "32")
        self.assertLess(self.residual(run), 0.01, run)

    def test_requests_that_fail(self):
        server = self.fake(Clocked(lambda now: 30 if 0.3 < now < 0.4 else 0.01))
        run = Result(server.url, "-d", "1s", "--warm-up", "0", "-c", "4", "--timeout", "300ms")
        self.assertGreater(run.counts["failures"]["timed_out"], 0, run)
        self.assertLess(self.residual(run), 0.01, run)

    def test_what_is_under_way_is_never_more_than_the_connections(self):
        server = self.fake(Clocked(lambda now: 1.2))
        run = Result(server.url, "--rate", "50", "-d", "500ms", "--warm-up", "0", "-c", "4")
        under_way = float(run.findings["little"]["text"].split()[0])
        self.assertLessEqual(under_way, 4, run)
        self.assertGreater(under_way, 2)
        self.assertLess(self.residual(run), 0.01)


class Names(FakeCase):
    """A name with two addresses, in a /etc/hosts of our own."""

    def twofold(self, port, *arguments):
        hosts = tempfile.NamedTemporaryFile("w", prefix="sluice-hosts-")
        self.addCleanup(hosts.close)
        hosts.write("::1 twofold\n127.0.0.1 twofold\n")
        hosts.flush()
        wrapper = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
                   f'mount --bind {hosts.name} /etc/hosts && exec "$@"', "sh")
        return Result(f"http://twofold:{port}/", *arguments, wrapper=wrapper)

    def test_the_first_address_that_answers_is_loaded_and_said(self):
        server = self.fake(answer_all)
        run = self.twofold(server.port, "-n", "20", "-c", "2")
        self.assertEqual(20, run.counts["answers"])
        self.assertEqual([f"127.0.0.1:{server.port}"], run.json["plan"]["servers"])
        self.assertIn(f"[::1]:{server.port}: connection refused", run.err)

    def test_all_addresses_are_loaded(self):
        seen = {}

        def note(connection, _number):
            for _ in requests(connection):
                family = connection.family
                seen[family] = seen.get(family, 0) + 1
                connection.sendall(OK)

        four = self.fake(note)
        six = Fake(note, socket.create_server(("::1", four.port), family=socket.AF_INET6))
        self.addCleanup(six.stop)
        run = self.twofold(four.port, "--all-addresses", "--rate", "100", "-d", "1s", "-c", "4",
                           "-t", "2", "--warm-up", "0")
        self.assertEqual(100, run.counts["answers"])
        self.assertEqual({f"127.0.0.1:{four.port}", f"[::1]:{four.port}"},
                         set(run.json["plan"]["servers"]))
        self.assertEqual(102, sum(seen.values()))  # and a look at each
        self.assertEqual(2, len(seen))
        self.assertGreater(min(seen.values()), 10)
        seen.clear()
        one = self.twofold(four.port, "-n", "10", "-c", "2")
        self.assertEqual(10, one.counts["answers"])
        self.assertEqual(1, len(seen))


class Reports(FakeCase):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="sluice-truth-")
        self.addCleanup(shutil.rmtree, self.work, True)

    def path(self, name):
        return os.path.join(self.work, name)

    def test_a_search_writes_its_reports(self):
        files = [self.path(name) for name in ("r.json", "r.csv", "r.html")]
        run = Run(self.fake(answer_all).url, "--find-rate", "--rate", "100", "--slo", "p50=1us",
                  "-d", "200ms", "-c", "4", "-q", "--json", files[0], "--csv", files[1], "--html",
                  files[2], "--hdr", self.path("r"))
        self.assertIn("No rate was found", run.out)
        with open(files[0], encoding="utf-8") as file:
            report = json.load(file)
        trials = report["search"]["trials"]
        self.assertEqual("p50", report["search"]["objective"])
        self.assertEqual(1000, report["search"]["bound_ns"])
        self.assertEqual(100, trials[0]["rate"])
        self.assertFalse(any(trial["held"] for trial in trials))
        self.assertEqual(1, report["counts"]["requests_sent_in_look"])
        self.assertIn("look", [f["name"] for f in report["validity"]["findings"]])
        self.assertEqual(trials[-1]["rate"], report["plan"]["rate"][0]["from"])
        with open(files[2], encoding="utf-8") as page:
            self.assertIn("No rate was found", page.read())
        for name in ("r.csv", "r.hlog", "r.response.hgrm", "r.service.hgrm"):
            self.assertGreater(os.path.getsize(self.path(name)), 0, name)

    def test_a_search_leaves_the_standard_output_to_its_report(self):
        run = Run(self.fake(answer_all).url, "--find-rate", "--rate", "50", "--slo", "p50=1us",
                  "-d", "100ms", "-c", "4", "--json", "-")
        self.assertEqual("sluice-bench/1", json.loads(run.out)["schema"])
        self.assertIn("fails", run.err)

    def test_what_cannot_be_written_is_found_before_anything_is_asked(self):
        server = self.fake(answer_all)
        for option in ("--json", "--csv", "--html", "--hdr"):
            run = Run(server.url, "-d", "30s", "-q", option, self.path("no/such/folder/r"))
            self.assertEqual(FAILURE, run.code)
            self.assertEqual(1, len(run.err.splitlines()), run.err)
            self.assertIn("could not be written: No such file", run.err)
        self.assertIn("Is a directory", Run(server.url, "-q", "--json", self.work).err)
        for one, other in (("-", "-"), (self.path("a"), self.path("a"))):
            run = Run(server.url, "-q", "--json", one, "--csv", other)
            self.assertEqual(USAGE, run.code, run)
        self.assertEqual(0, server.accepted)
        self.assertEqual([], os.listdir(self.work))

    def test_what_is_there_stays_until_the_run_is_over(self):
        with open(self.path("r.json"), "w", encoding="ascii") as file:
            file.write("of yesterday")
        Run("http://127.0.0.1:9/", "-q", "--json", self.path("r.json"))
        with open(self.path("r.json"), encoding="ascii") as file:
            self.assertEqual("of yesterday", file.read())


class Look(FakeCase):
    def test_the_look_takes_no_longer_than_the_run(self):
        """This server takes longer than -d and --timeout. A user who asked for half a second waits
        about as long for the look, and then sees the run's result."""
        server = self.fake(lambda connection, _: [time.sleep(30) for _ in requests(connection)])
        began = time.monotonic()
        run = Result(server.url, "-d", "300ms", "--warm-up", "0", "-c", "1", "--timeout", "3s",
                     "--rate", "10")
        self.assertLess(time.monotonic() - began, 25)
        self.assertEqual(INVALID, run.code)
        self.assertEqual(0, run.counts["answers"])
        self.assertEqual(1, run.counts["requests_sent_in_look"])
        nothing = Run(server.url, "-d", "300ms", "-c", "1", "--verify", "-q")
        self.assertEqual(FAILURE, nothing.code, nothing)
        self.assertIn("no answer to compare with", nothing.err)


class Signals(unittest.TestCase):
    """A signal ends the run, and its measurements are kept."""

    def stopped(self, number, *arguments, preexec=None):
        asked = threading.Event()

        def note(connection, _number):
            for count, _ in enumerate(requests(connection)):
                connection.sendall(OK)
                if count > 20:
                    asked.set()

        server = Fake(note)
        self.addCleanup(server.stop)

        def stop(process):
            self.assertTrue(asked.wait(30))
            process.send_signal(number)

        return Result(server.url, "--rate", "100", "-c", "1", *arguments, meanwhile=stop,
                      preexec=preexec)

    def test_in_the_run(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            run = self.stopped(number, "-d", "60s", "--warm-up", "0")
            self.assertGreater(run.counts["answers"], 20)
            self.assertIn("by a signal", run.findings["end"]["text"])
            self.assertEqual(run.counts["offered"],
                             run.counts["answers"] + run.counts["requests_failed"])

    def test_in_the_warm_up(self):
        for number in (signal.SIGINT, signal.SIGHUP):
            run = self.stopped(number, "-d", "60s", "--warm-up", "60s")
            self.assertEqual(INVALID, run.code)
            self.assertGreater(run.counts["answers"], 20)
            self.assertGreater(run.latency("response")["count"], 20)
            self.assertGreater(run.json["requests_per_second"], 1)
            self.assertIn("in the warm-up", run.findings["end"]["text"])

    def test_while_the_server_stands_still(self):
        """After a signal it ends without waiting for --timeout."""
        clocked = Clocked(lambda now: 60 if now > 0.5 else 0)
        server = Fake(clocked)
        self.addCleanup(server.stop)

        def stop(process):
            end = time.monotonic() + 30
            while clocked.asked < 40 and time.monotonic() < end:
                time.sleep(0.02)
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)

        run = Result(server.url, "--rate", "100", "-d", "60s", "-c", "2", "--warm-up", "0",
                     "--timeout", "60s", meanwhile=stop, seconds=40)
        self.assertEqual(INVALID, run.code)
        self.assertGreater(run.counts["answers"], 10)
        self.assertEqual(2, run.counts["failures"]["timed_out"])
        self.assertEqual(run.counts["offered"],
                         run.counts["answers"] + run.counts["requests_failed"])

    def test_a_second_one_ends_it_at_once(self):
        clocked = Clocked(lambda now: 60 if now > 0.5 else 0)
        server = Fake(clocked)
        self.addCleanup(server.stop)
        process = subprocess.Popen([*PROGRAM, "bench", server.url, "--rate", "100", "-d", "60s", "-c", "1",
                                    "--warm-up", "0", "--timeout", "60s"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.kill)
        end = time.monotonic() + 30
        while clocked.asked < 40 and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        self.assertIsNone(process.poll())  # what is in flight has two seconds
        process.send_signal(signal.SIGINT)
        self.assertEqual(-signal.SIGINT, process.wait(1))

    def test_nohup_is_left_alone(self):
        server = Fake(answer_all)
        self.addCleanup(server.stop)
        run = Result(server.url, "--rate", "100", "-d", "2s", "-c", "1",
                     preexec=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
                     meanwhile=lambda process: (time.sleep(1), process.send_signal(signal.SIGHUP)))
        self.assertIn("as planned", run.findings["end"]["text"])


class Streams(FakeCase):
    """One line on standard error and an exit code, whatever happens to the streams."""

    def ended(self, *arguments, **streams):
        process = subprocess.run([*PROGRAM, *arguments], stdin=subprocess.DEVNULL, timeout=60,
                                 check=False, **streams)
        return process.returncode

    def lines(self, *arguments, close=False):
        with tempfile.TemporaryFile("w+") as errors, open("/dev/full", "w", encoding="ascii") as full:
            code = self.ended(*arguments, stderr=errors, stdout=None if close else full,
                              preexec_fn=(lambda: os.close(1)) if close else None)
            errors.seek(0)
            return code, errors.read().splitlines()

    def test_standard_output_full_or_closed(self):
        url = self.fake(answer_all).url
        capture = os.path.join(TREE, "tests", "wire", "captures")
        capture = os.path.join(capture, next(name for name in sorted(os.listdir(capture))
                                            if name == "chunked_small"))
        for arguments in (["bench", url, "-q", "-n", "10", "-c", "1"],
                          ["bench", url, "-q", "-n", "10", "-c", "1", "--json", "-"],
                          ["bench", url, "-q", "-d", "100ms", "--find-rate", "--slo", "p50=1us",
                           "--rate", "30", "-c", "1", "--warm-up", "0"],
                          ["wire", capture], ["wire", capture, "--json"],
                          ["help", "bench"], ["version"], ["--version"], ["probe"]):
            for close in (False, True):
                code, lines = self.lines(*arguments, close=close)
                self.assertEqual(FAILURE, code, (arguments, close, lines))
                said = [line for line in lines if "standard output" in line]
                self.assertGreaterEqual(len(said), 1, (arguments, close, lines))
                self.assertTrue(all(line.startswith("sluice") for line in lines), lines)

    def test_a_reader_that_goes_away_costs_no_other_report(self):
        with tempfile.TemporaryDirectory(prefix="sluice-truth-") as work:
            reader, writer = os.pipe()
            os.close(reader)
            path = os.path.join(work, "r.json")
            code = self.ended("bench", self.fake(answer_all).url, "-n", "10", "-c", "1", "--json",
                              path, stdout=writer, stderr=subprocess.DEVNULL)
            os.close(writer)
            self.assertEqual(FAILURE, code)
            with open(path, encoding="utf-8") as file:
                self.assertEqual(10, json.load(file)["counts"]["answers"])

    def test_standard_error_full_or_closed(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            for streams in ({"stderr": full}, {"preexec_fn": lambda: os.close(2)}):
                code = self.ended("bench", self.fake(answer_all).url, "--rate", "50", "-d", "2s",
                                  "-c", "1", stdout=subprocess.DEVNULL, **streams)
                self.assertIn(code, (VALID, INVALID))


class LiveLine(FakeCase):
    """On a pseudo-terminal."""

    def watch(self, columns, later):
        terminal, inside = pty.openpty()
        self.addCleanup(os.close, terminal)

        def size(width):
            fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))

        size(columns)
        server = self.fake(Clocked(lambda _: 0))
        process = subprocess.Popen(
            [*PROGRAM, "bench", server.url, "--rate", "50", "-d", "5s", "-c", "2"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=inside)
        os.close(inside)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        seen, resized, end = b"", None, time.monotonic() + 60
        while time.monotonic() < end:
            try:
                seen += os.read(terminal, 65536)
            except OSError:  # EIO: the writer has closed
                break
            if resized is None and seen.count(b"/s") >= 2:
                size(later)
                resized = len(seen)
        lines = lambda text: [line.decode() for line in text.replace(b"\x1b[K", b"").split(b"\r")]
        return lines(seen[:resized]), lines(seen[resized:])

    def test_it_fits_follows_and_begins_at_once(self):
        narrow, wide = self.watch(40, 120)
        self.assertIn("looking at", "".join(narrow[:2]))
        self.assertTrue(any(line.startswith("   0.0 s") for line in narrow), narrow)
        self.assertLess(max(map(len, narrow)), 40)
        self.assertTrue(any("/s" in line for line in narrow), narrow)
        self.assertTrue(any("failed" in line for line in wide), wide)
        wide, narrow = self.watch(120, 30)
        self.assertTrue(any("failed" in line for line in wide), wide)
        self.assertLess(max(map(len, narrow)), 30)


class Odd(FakeCase):
    def test_a_replay_with_a_gap_of_a_day(self):
        with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
            for day, second in ((21, 0), (21, 1), (22, 1)):
                log.write(f"::1 - - [{day}/Nov/2026:10:00:{second:02} +0000] \"GET / HTTP/1.1\" 200 5\n")
            log.write("::1 - - [22/Nov/2026:10:00:61 +0000] \"GET / HTTP/1.1\" 200 5\n")
            log.flush()
            run = Result(self.fake(answer_all).url, "--replay", log.name, "-d", "2s", "-c", "1")
        self.assertEqual(2, run.counts["answers"])
        self.assertEqual(2e9, run.json["window_ns"])
        self.assertIn("1 of the log's lines", run.err)

    def test_the_gap_is_said(self):
        with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
            for day in (21, 22):
                log.write(f"::1 - - [{day}/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 5\n")
            log.flush()
            answers = Clocked(lambda now: 0)

            def stop(process):
                self.wait_for(lambda: answers.answered > 1)
                time.sleep(0.2)  # for the answer to be taken
                process.send_signal(signal.SIGINT)

            run = Result(self.fake(answers).url, "--replay", log.name, "-c", "1", meanwhile=stop)
        self.assertIn("no request for 24.0 hours", run.err)
        self.assertIn("by a signal", run.findings["end"]["text"])

    def wait_for(self, what):
        end = time.monotonic() + 30
        while not what():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)

    def test_values_that_are_none(self):
        for option, value in (("--rate", "nan"), ("--rate", "-5"), ("--rate", "inf"), ("--rate", "0"),
                              ("-d", "0s"), ("-d", "0"), ("--timeout", "0ms"), ("-d", "-5s"),
                              ("--warm-up", "-1s"), ("--warm-up", "0s"), ("--weights", "nan")):
            run = Run("http://127.0.0.1:9/", option, value)
            self.assertEqual(USAGE, run.code, (option, value))
            self.assertEqual(1, len(run.err.splitlines()), run.err)
            self.assertIn(f"'{value}'", run.err)

    def test_a_scheme_has_no_case(self):
        server = self.fake(answer_all)
        run = Result(f"HTTP://127.0.0.1:{server.port}/", "-n", "10", "-c", "1")
        self.assertEqual(10, run.counts["answers"])

    def test_descriptors_of_the_threads_are_counted_too(self):
        for connections, threads in ((100, 100), (1, 1)):
            run = Run(self.fake(answer_all).url, "-c", str(connections), "-t", str(threads), "-d",
                      "1s", preexec=limit_descriptors(60 if threads == 1 else 300))
            self.assertEqual(FAILURE, run.code, run)
            self.assertEqual(1, len(run.err.splitlines()), run.err)
            self.assertIn("open files", run.err)


if __name__ == "__main__":
    main()
