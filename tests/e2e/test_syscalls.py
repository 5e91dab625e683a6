"""The system calls of a large download, seen by strace. The file must not pass through user space."""

import contextlib
import os
import re
import signal
import time

from harness import ServerCase, main, on_each_backend, sanitizer

# Calls that copy bytes between the program's memory and the kernel.
COPIES = ("read", "pread64", "readv", "preadv", "preadv2", "write", "writev", "pwrite64", "sendto",
          "sendmsg", "recvfrom", "recvmsg")
WITHOUT_COPY = ("sendfile", "splice")


@on_each_backend
class Calls(ServerCase):
    def traced(self, *arguments):
        """A server under strace, which writes its calls to self.trace."""
        self.trace = os.path.join(self.work, "trace")
        # LeakSanitizer does not work under ptrace, and fails with an exit code.
        names = ",".join((*COPIES, *WITHOUT_COPY, "mmap"))
        server = self.serve(*arguments, wrapper=["strace", "-f", "-ttt", "-qq", "-o", self.trace,
                                                 "-e", f"trace={names}"],
                            environment={"ASAN_OPTIONS": "detect_leaks=0"} if sanitizer() else None,
                            check=False)
        # The signal is for the server; strace ends with it.
        children = f"/proc/{server.pid}/task/{server.pid}/children"
        with open(children, encoding="ascii") as text:
            self.inner = int(text.read().split()[0])
        self.addCleanup(self.kill_inner)
        return server

    def kill_inner(self):
        """A test that failed half-way left the server running: it does not end with strace."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.inner, signal.SIGKILL)

    def end(self, server):
        os.kill(self.inner, signal.SIGTERM)
        self.assertEqual(0, server.wait(30))

    def calls(self, since):
        """(name, result) of every finished call that began after `since`."""
        found = []
        with open(self.trace, encoding="utf-8", errors="replace") as trace:
            for line in trace:
                parts = re.match(r"\d+\s+([\d.]+) (.*)", line)
                if not parts or float(parts.group(1)) < since:
                    continue
                # "<... name resumed>" has the result of a call that another thread interrupted.
                name = re.match(r"(?:<\.\.\. )?(\w+)", parts.group(2))
                result = re.search(r"= (-?\d+)(?: |$)", parts.group(2))
                if name and result:
                    found.append((name.group(1), int(result.group(1))))
        return found

    def download(self, size, *arguments):
        """(bytes that sendfile moved, bytes that went through user space) for one download."""
        content = os.urandom(1_000_000) * (size // 1_000_000)
        self.put("large.bin", content)
        server = self.traced(*arguments)
        with server.connect(timeout=60) as client:
            # Its digest, which reads the whole file, is done by then.
            self.eventually(lambda: client.ask("/large.bin", method="HEAD")["ETag"][0] == '"', 20,
                            what="a strong tag")
            time.sleep(0.3)
            since = time.time()
            self.assertEqual(content, client.ask("/large.bin").body)
            time.sleep(0.2)
        self.end(server)
        calls = self.calls(since)
        return (sum(r for n, r in calls if n == "sendfile" and r > 0),
                sum(r for n, r in calls if n in COPIES and r > 0))

    def test_a_large_download_is_not_copied(self):
        straight, copied = self.download(10_000_000)
        self.assertGreaterEqual(straight, 10_000_000)
        self.assertLess(copied, 64 * 1024)

    def test_beyond_the_memory_budget_only_the_tail_is_copied(self):
        """The last bytes of a file that others may edit are copied, as many as the sockets of both
        ends can hold: an edit must not change bytes that are already queued."""
        tail = 0
        for name in ("tcp_rmem", "tcp_wmem"):
            with open(f"/proc/sys/net/ipv4/{name}", encoding="ascii") as limits:
                tail += int(limits.read().split()[2])
        size = (2 * tail // 1_000_000 + 20) * 1_000_000
        straight, copied = self.download(size, "--memory-budget", "1m")
        self.assertGreaterEqual(straight, size - tail - 1_000_000)
        self.assertLess(copied, 2 * tail + 1_000_000)

    def test_a_small_answer_is_one_send_and_opens_nothing(self):
        self.put("index.html", b"x" * 509)
        server = self.traced()
        with server.connect(timeout=60) as client:
            client.ask("/")
            time.sleep(0.3)
            since = time.time()
            for _ in range(100):
                client.ask("/")
            time.sleep(0.2)
        self.end(server)
        sends = [c for c in self.calls(since)
                 if c[0] in ("write", "writev", "sendto", "sendmsg") and c[1] > 509]
        # io_uring may send through its ring, which strace does not see as a call.
        self.assertIn(len(sends), (100,) if self.backend == "epoll" else (0, 100))
        self.assertEqual([], [c for c in self.calls(since) if c[0] in ("sendfile", "mmap")])

    def test_pipelined_requests_leave_together(self):
        self.put("index.html", b"x" * 509)
        server = self.traced()
        with server.connect(timeout=60) as client:
            client.ask("/")
            time.sleep(0.3)
            since = time.time()
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 16)
            for _ in range(16):
                client.read()
            time.sleep(0.2)
        self.end(server)
        sends = [c for c in self.calls(since)
                 if c[0] in ("write", "writev", "sendto", "sendmsg") and c[1] > 509]
        self.assertLessEqual(len(sends), 1)


if __name__ == "__main__":
    main()
