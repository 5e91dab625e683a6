"""The access log: every format, nothing lost, nothing that a request can forge."""

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

from harness import (NAMED_PIPES, PIPE_ROOM, SIGNALS, ServerCase, linux_only, main,
                     on_each_backend)

COMMON = (r'^(?P<host>\S+) - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "(?P<line>(?:[^"\\]|\\.)*)" '
          r'(?P<status>\d{3}) (?P<bytes>\d+|-)')
COMBINED = COMMON + r' "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"$'


@on_each_backend
class Log(ServerCase):
    def setUp(self):
        super().setUp()
        self.put("index.html", b"0123456789")
        self.log = os.path.join(self.work, "access.log")

    def start(self, form, *arguments):
        return self.serve("--access-log", self.log, "--log-format", form, *arguments)

    def lines(self, count=None):
        def read():
            if not os.path.exists(self.log):
                return None
            with open(self.log, encoding="utf-8") as log:
                found = log.read().splitlines()
            return found if count is None or len(found) >= count else None

        # A line is written after the answer's last byte, which an idle server learns of late.
        return self.eventually(read, seconds=8, what=f"{count} lines in the log")

    def test_common(self):
        server = self.start("common")
        with server.connect() as client:
            client.ask("/?a=1")
            client.ask("/missing")
            client.ask("/", method="HEAD")
        lines = [re.match(COMMON + "$", line) for line in self.lines(3)]
        self.assertTrue(all(lines), self.lines())
        self.assertEqual([("127.0.0.1", "GET /?a=1 HTTP/1.1", "200", "10")],
                         [lines[0].group("host", "line", "status", "bytes")])
        self.assertEqual(("GET /missing HTTP/1.1", "404"), lines[1].group("line", "status"))
        self.assertEqual("HEAD / HTTP/1.1", lines[2].group("line"))
        self.assertIn(lines[2].group("bytes"), ("0", "-"))

    def test_combined(self):
        server = self.start("combined")
        with server.connect() as client:
            client.ask("/", fields=["Referer: http://a.example/", "User-Agent: curl/8 (x)"])
            client.ask("/")
        first, second = (re.match(COMBINED, line) for line in self.lines(2))
        self.assertEqual(("http://a.example/", "curl/8 (x)"), first.group("referer", "agent"))
        self.assertEqual(("-", "-"), second.group("referer", "agent"))

    def test_json(self):
        server = self.start("json")
        with server.connect() as client:
            client.ask("/a?b", fields=['User-Agent: quote " backslash \\ tab\tend \xe8\xff'])
            client.ask("/", fields=["Referer: r"])
        first, second = (json.loads(line) for line in self.lines(2))
        self.assertEqual(404, first["status"])
        self.assertEqual(200, second["status"])
        self.assertIn("/a?b", json.dumps(first))
        self.assertIn('quote " backslash \\ tab', " ".join(str(v) for v in first.values()))

    def test_refused_requests_are_logged(self):
        server = self.start("combined")
        for request in ("GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\r\n\r\n", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"):
            with server.connect() as client:
                client.send(request)
                self.assertEqual(400, client.read().status)
        lines = self.lines(3)
        self.assertEqual(3, len(lines))
        for line in lines:
            self.assertRegex(line, COMBINED)
            self.assertIn(" 400 ", line)

    def test_nothing_can_be_forged(self):
        evil = ['" 200 1 "x" "y', "back\\slash\\", "tab\there", "\x80\xff\xfe", "\x1b[31mred",
                'a"\\"b', "聂".encode().decode("latin-1")]
        for form in ("combined", "json"):
            self.log = os.path.join(self.work, form)
            server = self.start(form)
            for text in evil:
                for request in (f"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: {text}\r\nReferer: {text}\r\n\r\n",
                                f"GET /{text} HTTP/1.1\r\nHost: a\r\n\r\n",
                                f"GET /%0a%0d%22%1b?{text} HTTP/1.1\r\nHost: a\r\n\r\n"):
                    with server.connect() as client:
                        client.send(request)
                        client.read()
            lines = self.lines(3 * len(evil))
            self.assertEqual(3 * len(evil), len(lines))
            for line in lines:
                self.assertTrue(all(32 <= ord(c) != 127 for c in line), repr(line))
                if form == "json":
                    json.loads(line)
                else:
                    self.assertRegex(line, COMBINED)

    def test_nothing_is_lost_at_a_clean_stop(self):
        server = self.start("combined")
        total = 5000
        with server.connect() as client:
            for _ in range(total // 50):
                client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
                for _ in range(50):
                    client.read()
        self.stop(server)
        self.assertEqual(total, len(self.lines()))

    @linux_only(SIGNALS)
    def test_reopened_on_sigusr1(self):
        server = self.start("common")
        with server.connect() as client:
            client.ask("/before")
            self.lines(1)
            os.rename(self.log, self.log + ".1")
            server.signal(signal.SIGUSR1)
            self.eventually(lambda: os.path.exists(self.log), what="a new log")
            client.ask("/after")
            self.assertIn("/after", self.lines(1)[0])
        with open(self.log + ".1", encoding="utf-8") as old:
            self.assertEqual(1, old.read().count("/before"))
        self.stop(server)
        self.assertEqual(1, len(self.lines()))

    def test_an_existing_log_is_continued(self):
        with open(self.log, "w", encoding="utf-8") as log:
            log.write("old line\n")
        server = self.start("common")
        with server.connect() as client:
            client.ask("/")
        self.assertEqual("old line", self.lines(2)[0])

    def test_standard_output(self):
        server = self.serve("--access-log", "-", "--log-format", "common", stdout=subprocess.PIPE)
        with server.connect() as client:
            client.ask("/")
        server.signal()
        self.assertEqual(0, server.wait())
        self.assertRegex(server.process.stdout.read(), COMMON + "\n$")
        server.process.stdout.close()

    @linux_only(NAMED_PIPES)
    def test_a_log_slower_than_the_traffic(self):
        """Nobody reads the pipe: requests are still answered, and dropped lines are counted and
        reported."""
        os.mkfifo(self.log)
        reader = os.open(self.log, os.O_RDONLY | os.O_NONBLOCK)
        server = self.start("combined")
        total, batch = 60_000, 100
        request = b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: " + b"x" * 100 + b"\r\n\r\n"
        with server.connect() as client:
            begin = time.monotonic()
            for _ in range(total // batch):
                client.send(request * batch)
                for _ in range(batch):
                    self.assertEqual(200, client.read().status)
            self.assertLess(time.monotonic() - begin, 60)
        os.set_blocking(reader, True)
        got = []

        def drain():
            while part := os.read(reader, 1 << 16):
                got.append(part)

        drainer = threading.Thread(target=drain)
        drainer.start()
        server.signal()
        self.assertEqual(0, server.wait(30))
        drainer.join(10)
        os.close(reader)
        written = b"".join(got).count(b"\n")
        self.assertLess(written, total)
        self.assertIn("is slower than the traffic", server.stderr)
        self.assertEqual(f"sluice: access log: {total - written} lines lost in all", server.lines[-1])

    @linux_only(NAMED_PIPES)
    def test_a_named_pipe_that_nobody_reads(self):
        os.mkfifo(self.log)
        with self.assertRaisesRegex(AssertionError, "ended with 1: sluice: .*nobody reads this pipe$"):
            self.start("common")
        reader = os.open(self.log, os.O_RDONLY | os.O_NONBLOCK)
        server = self.start("common")
        os.close(reader)
        server.signal(signal.SIGUSR1)
        self.eventually(lambda: "nobody reads this pipe" in server.stderr, what="a word of it")
        with server.connect() as client:
            self.assertEqual(200, client.ask("/").status)

    def ask_until_full(self, server, total=10_000):
        """More lines than a pipe holds, and fewer than the ring does."""
        request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        with server.connect() as client:
            for _ in range(total // 100):
                client.send(request * 100)
                for _ in range(100):
                    self.assertEqual(200, client.read().status)
        return total

    def lines_from(self, descriptor, total):
        got = b""
        os.set_blocking(descriptor, True)
        while got.count(b"\n") < total:
            part = os.read(descriptor, 1 << 16)
            if not part:
                break
            got += part
        return got.count(b"\n")

    @linux_only(NAMED_PIPES)
    def test_a_reader_that_pauses(self):
        """The reader resumes while the server runs, and once more after SIGTERM: every line arrives."""
        os.mkfifo(self.log)
        reader = os.open(self.log, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        server = self.start("common")
        total = self.ask_until_full(server)
        self.assertEqual(total, self.lines_from(reader, total))
        total = self.ask_until_full(server)
        server.signal()
        self.eventually(lambda: not self.accepts(server), what="the end of accepting")
        self.assertEqual(total, self.lines_from(reader, total))
        self.assertEqual(0, server.wait())
        self.assertEqual([], [line for line in server.lines if "lost" in line or "dropped" in line])

    def accepts(self, server):
        try:
            socket.create_connection(server.addresses[0]).close()
        except ConnectionError:
            return False
        return True

    @linux_only(PIPE_ROOM)
    def test_a_stalled_standard_output(self):
        """SIGTERM works; the server ends when the drain time is over, or at a second signal."""
        for patience, second_signal in (("1s", False), ("60s", True)):
            server = self.serve("--access-log", "-", "--log-format", "common", "--drain-timeout",
                                patience, stdout=subprocess.PIPE)
            pipe = server.process.stdout
            self.ask_until_full(server)
            self.assertFalse(fcntl.fcntl(pipe, fcntl.F_GETFL) & os.O_NONBLOCK)
            server.signal()
            if second_signal:
                self.eventually(lambda: not self.accepts(server), what="the end of accepting")
                server.signal()
            self.assertEqual(0, server.wait())
            self.assertRegex(server.lines[-1], r"access log: \d+ lines lost in all; - is not being read$")
            lost = int(re.search(r"(\d+) lines", server.lines[-1]).group(1))
            self.assertEqual(10_000 - lost, pipe.read().count("\n"))
            pipe.close()

    def test_a_log_that_cannot_be_opened(self):
        self.log = os.path.join(self.work, "no", "such", "folder", "log")
        with self.assertRaisesRegex(AssertionError, "ended with 1: .*no/such/folder"):
            self.start("common")


if __name__ == "__main__":
    main()
