"""Signals: what each of them does, that other signals do nothing, and that a slow disk does not delay
them. Linux only: Wine passes on SIGINT and no other signal."""

import os
import re
import shutil
import signal
import time
import unittest

from harness import BINARY, Server, ServerCase, main, on_each_backend, sanitizer

SLACK = 5.0  # seconds that a busy machine may add
THREAD_PATIENCE = 2.0  # serve/service.cpp

HEARD = {signal.SIGTERM, signal.SIGINT}
# The first two cannot be ignored; the others are faults of the program, or job control.
LEFT_ALONE = {signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE,
              signal.SIGTRAP, signal.SIGABRT, signal.SIGSYS, signal.SIGTSTP, signal.SIGTTIN,
              signal.SIGTTOU}


class SignalCase(ServerCase):
    def setUp(self):
        super().setUp()
        self.put("index.html", b"page")
        self.log = os.path.join(self.work, "access.log")

    def ask(self, server, path="/"):
        with server.connect() as client:
            return client.ask(path)

    def logged(self, path):
        with open(self.log, encoding="utf-8") as lines:
            return lines.read().count(f" {path} ")

    def reopen(self, server, number=signal.SIGUSR1):
        """Moves the log away; the signal makes the server open a new one."""
        os.rename(self.log, self.log + ".old")
        server.signal(number)
        self.eventually(lambda: os.path.exists(self.log), what="a new log")


@on_each_backend
class Signals(SignalCase):
    def test_no_other_signal_ends_the_service(self):
        server = self.serve("--access-log", self.log)
        others = [number for number in range(1, signal.SIGRTMAX + 1)
                  if number not in HEARD | LEFT_ALONE]
        for count, number in enumerate(others, 1):
            os.kill(server.pid, number)
            self.assertEqual(200, self.ask(server).status, signal.strsignal(number))
            self.assertIsNone(server.process.poll())
        self.stop(server)
        self.assertEqual(count, self.logged("/"))

    def test_sighup_reopens_the_log_and_looks_at_the_root_again(self):
        other_name = self.put("page.html", b"old", root=self.work)
        os.link(other_name, os.path.join(self.root, "page.html"))
        server = self.serve("--access-log", self.log)
        self.assertEqual(b"old", self.ask(server, "/page.html").body)
        with open(other_name, "wb") as file:  # a watch on the root does not report this
            file.write(b"newer")
        self.reopen(server, signal.SIGHUP)
        self.eventually(lambda: self.ask(server, "/page.html").body == b"newer")
        self.stop(server)
        self.assertLess(0, self.logged("/page.html"))

    def test_while_draining(self):
        """It says what it waits for, at once and then again, and reacts to the other signals."""
        self.put("big.bin", b"\x07" * 30_000_000)
        server = self.serve("--drain-timeout", "60s", "--access-log", self.log)
        with server.connect(receive_buffer=4096) as client, server.connect() as idle:
            idle.ask("/")
            client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            client.read_head()
            begin = time.monotonic()
            server.signal()

            def said():
                return [line for line in server.lines if line.startswith("sluice: stopping: ")]

            self.eventually(said, seconds=1 + SLACK, what="a word")
            self.reopen(server)
            self.eventually(lambda: len(said()) >= 2, seconds=5 + SLACK, what="the next word")
            self.assertGreater(time.monotonic() - begin, 2)
            words = re.compile(r"sluice: stopping: waiting for (\d connections?) "
                               r"\(at most (\d\d) s more; a second signal stops at once\)")
            first, second = (words.fullmatch(line) for line in said()[:2])
            self.assertEqual("1 connection", second.group(1))
            self.assertGreater(int(first.group(2)), 60 - 1 - SLACK)
            self.assertLess(int(second.group(2)), int(first.group(2)))
            server.signal()
            self.assertEqual(0, server.wait())


class SlowDisk(SignalCase):
    """A file whose read never ends blocks only the thread that reads it."""

    def start(self, *arguments):
        self.slow = os.path.join(self.root, "slow.bin")
        self.seen = os.path.join(self.work, "seen")
        # A path with a blank would be read as two.
        hook = shutil.copy(os.path.join(os.path.dirname(BINARY), "tests", "libslow_disk.so"), self.work)
        environment = {"LD_PRELOAD": hook, "SLOW_DISK": self.slow, "SLOW_DISK_SEEN": self.seen}
        if sanitizer() == "asan":
            environment["ASAN_OPTIONS"] = "verify_asan_link_order=0"
        server = Server(self.root, "--access-log", self.log, *arguments, backend=self.backend,
                        environment=environment)
        self.addCleanup(self.stop, server)
        return server

    def make_slow(self, size=200_000):
        self.put("slow.bin", b"\x07" * size)

    def wait_until_slow(self):
        self.eventually(lambda: os.path.exists(self.seen), what="a read that hangs")

    def end(self, server, within):
        begin = time.monotonic()
        server.signal()
        self.assertEqual(0, server.wait(within + 2 * SLACK))
        self.assertLess(time.monotonic() - begin, within + SLACK)
        self.assertIn("a disk does not answer", server.lines[-1])


@on_each_backend
class SlowLoader(SlowDisk):
    def test_at_the_start(self):
        self.make_slow()
        server = self.start()
        self.wait_until_slow()
        self.eventually(lambda: os.path.exists(self.log), what="a log")
        self.reopen(server, signal.SIGHUP)
        self.end(server, THREAD_PATIENCE)
        self.assertEqual([], server.addresses)

    def test_later(self):
        server = self.start().wait_ready()
        self.make_slow()
        self.wait_until_slow()
        self.assertEqual(200, self.ask(server, "/?before").status)
        self.eventually(lambda: self.logged("/?before"), what="a line in the log")
        self.reopen(server)
        self.assertEqual(200, self.ask(server, "/?after").status)
        self.end(server, THREAD_PATIENCE)
        self.assertEqual(1, self.logged("/?after"))

    def test_a_second_signal_stops_at_once(self):
        server = self.start().wait_ready()
        self.make_slow()
        self.wait_until_slow()
        server.signal()
        self.eventually(lambda: "waiting for the disk" in server.stderr, what="a word")
        begin = time.monotonic()
        server.signal()
        self.assertEqual(0, server.wait())
        self.assertLess(time.monotonic() - begin, THREAD_PATIENCE / 2)


class SlowWorker(SlowDisk, unittest.TestCase):
    backend = "epoll"

    def test_a_worker_that_sends_from_the_disk(self):
        self.make_slow(3_000_000)
        server = self.start("--memory-budget", "1M", "--drain-timeout", "1s").wait_ready()
        with server.connect() as client:
            client.send("GET /slow.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            self.wait_until_slow()
            self.end(server, 1 + THREAD_PATIENCE)


if __name__ == "__main__":
    main()
