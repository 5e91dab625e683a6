"""Life cycle: start, failed starts, draining, restart, signals, a lack of descriptors, and a kernel
that forbids io_uring."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from harness import (BACKENDS, BINARY, DESCRIPTORS, MODES, PROGRAM, SECCOMP, SITE, WINDOWS, Closed,
                     Server, ServerCase, forbid_io_uring, limit_descriptors, linux_only, main,
                     on_each_backend, refused, sanitizer)

SLACK = 5.0  # seconds that a busy machine may add; the drain alone would take 10


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@on_each_backend
class Stop(ServerCase):
    def setUp(self):
        super().setUp()
        self.put("index.html", b"page")
        self.put("big.bin", b"\x07" * 30_000_000)

    def test_idle_connections_are_closed_at_once(self):
        for number in (signal.SIGINT,) if WINDOWS else (signal.SIGTERM, signal.SIGINT):
            server = self.serve()
            clients = [server.connect() for _ in range(20)]
            for client in clients[:10]:
                client.ask("/")
            begin = time.monotonic()
            server.signal(number)
            self.assertEqual(0, server.wait())
            self.assertLess(time.monotonic() - begin, 0.5 + SLACK)
            for client in clients:
                self.assertEqual(b"", client.at_end())
                client.close()

    def test_a_download_is_finished(self):
        server = self.serve("--drain-timeout", "20s")
        with server.connect(receive_buffer=64 * 1024) as client:
            client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            length = int(client.read_head()["Content-Length"])
            server.signal()
            time.sleep(0.3)
            self.assertIsNone(server.process.poll())

            def refused_late():
                try:
                    with server.connect(timeout=1) as late:
                        late.ask("/")
                except (OSError, Closed):
                    return True
                return False

            self.eventually(refused_late, what="the end of accepting")
            self.assertEqual(length, len(client.take(length)))
            self.assertEqual(b"", client.at_end())
        self.assertEqual(0, server.wait())

    def test_the_drain_is_bounded(self):
        server = self.serve("--drain-timeout", "500ms")
        with server.connect(receive_buffer=4096) as client:
            client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            client.read_head()
            begin = time.monotonic()
            server.signal()
            self.assertEqual(0, server.wait())
            self.assertGreater(time.monotonic() - begin, 0.3)
            self.assertLess(time.monotonic() - begin, 0.5 + SLACK)

    def test_a_second_signal_stops_at_once(self):
        server = self.serve("--drain-timeout", "60s")
        with server.connect(receive_buffer=4096) as client:
            client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            client.read_head()
            server.signal()
            time.sleep(0.3)
            self.assertIsNone(server.process.poll())
            begin = time.monotonic()
            server.signal()
            self.assertIn(server.wait(), (0, 1))
            self.assertLess(time.monotonic() - begin, 0.5 + SLACK)

    def test_restart_on_the_same_port_at_once(self):
        address = f"127.0.0.1:{free_port()}"
        for _ in range(8):
            server = self.serve(listen=[address])
            clients = [server.connect() for _ in range(10)]
            for client in clients:
                self.assertEqual(b"page", client.ask("/").body)
            self.stop(server)
            for client in clients:
                client.close()

    def test_restart_after_a_kill(self):
        address = f"127.0.0.1:{free_port()}"
        for _ in range(4):
            server = self.serve(listen=[address], check=False)
            with server.connect() as client:
                self.assertEqual(b"page", client.ask("/").body)
                server.kill()
            # The kernel may need a moment to close the sockets of a killed process.
            self.eventually(lambda: socket.socket().connect_ex(server.addresses[0]) != 0)
        server = self.serve(listen=[address])
        with server.connect() as client:
            self.assertEqual(b"page", client.ask("/").body)

    def test_stop_under_load(self):
        for _ in range(3):
            server = self.serve(workers=2)
            stop = threading.Event()
            wrong = []

            def load():
                while not stop.is_set():
                    try:
                        with server.connect(timeout=10) as client:
                            for _ in range(20):
                                if client.ask("/").body != b"page":
                                    wrong.append("another body")
                    except (OSError, Closed):
                        pass

            threads = [threading.Thread(target=load) for _ in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(0.5)
            server.signal()
            self.assertEqual(0, server.wait())
            stop.set()
            for thread in threads:
                thread.join(30)
            self.assertEqual([], wrong)
            self.assertEqual([], server.surprises())

    @linux_only(DESCRIPTORS)
    def test_out_of_descriptors(self):
        """Without free descriptors accepting pauses, uses no CPU meanwhile, and resumes when some are
        free again."""
        server = self.serve(preexec=limit_descriptors(64))
        clients = [server.connect(receive_buffer=4096) for _ in range(100)]
        answered, waiting = [], []
        for client in clients:
            client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.5)
        for client in clients:
            client.socket.settimeout(0.05)
            try:
                self.assertEqual(200, client.read_head().status)
                answered.append(client)
            except TimeoutError:
                waiting.append(client)
        self.assertGreater(len(answered), 10)
        self.assertGreater(len(waiting), 10)
        before = server.cpu_seconds()
        time.sleep(1)
        self.assertLess(server.cpu_seconds() - before, 0.3)
        for client in answered:
            client.close()
        for client in waiting:
            client.socket.settimeout(5)
            self.assertEqual(200, client.read_head().status)
            client.close()
        with server.connect() as client:
            self.assertEqual(b"page", client.ask("/").body)

    @linux_only(DESCRIPTORS)
    def test_idle_connections_give_their_descriptors_up(self):
        server = self.serve(preexec=limit_descriptors(64))
        clients = [server.connect() for _ in range(100)]
        for client in clients:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        for client in clients:
            self.assertEqual(b"page", client.read().body)
        self.assertEqual(b"page", clients[-1].ask("/").body)
        for client in clients:
            client.close()

    def test_an_idle_server_sleeps(self):
        server = self.serve()
        with server.connect() as client:
            client.ask("/")
            time.sleep(0.3)
            before = server.cpu_seconds()
            time.sleep(2)
            self.assertLess(server.cpu_seconds() - before, 0.05 * (3 if sanitizer() else 1))


class Refusals(unittest.TestCase):
    """Starts that fail: the exit code, and one line that says why."""

    def expect(self, code, words, *arguments, preexec=None, binary=None, one_line=True):
        got, lines = refused(*arguments, preexec=preexec, binary=binary)
        text = "\n".join(lines)
        self.assertEqual(code, got, text)
        if one_line:
            self.assertEqual(1, len(lines), text)
            self.assertTrue(text.startswith("sluice: "), text)
        for word in words:
            self.assertIn(word.lower(), text.lower())

    def test_port_taken(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = str(other.getsockname()[1])
            for backend in BACKENDS:
                self.expect(1, [port, "in use"], SITE, "--listen", f"127.0.0.1:{port}", "--backend",
                            backend)

    def test_port_taken_by_another_of_us(self):
        server = Server(SITE).wait_ready()
        try:
            self.expect(1, [str(server.port), "in use"], SITE, "--listen", f"127.0.0.1:{server.port}")
        finally:
            server.signal()
            self.assertEqual(0, server.wait())

    def test_root(self):
        self.expect(1, ["/no/such/root"], "/no/such/root")
        self.expect(1, ["index.html"], os.path.join(SITE, "index.html"))

    @linux_only(MODES)
    def test_root_unreadable(self):
        folder = tempfile.mkdtemp(prefix="sluice-e2e-")
        try:
            os.chmod(folder, 0o755)
            root = os.path.join(folder, "root")
            os.mkdir(root)
            os.chmod(root, 0o000)
            if os.getuid() != 0:
                self.expect(1, [root], root)
                return
            # root may read everything, so another user tries, with a binary that this user can reach.
            binary = os.path.join(folder, "sluice")
            shutil.copy(BINARY, binary)
            os.chmod(binary, 0o755)

            def be_nobody():
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)

            self.expect(1, [root], root, preexec=be_nobody, binary=binary)
        finally:
            shutil.rmtree(folder)

    def test_bad_usage(self):
        for arguments in (["--nonsense"], ["--listen", "nonsense"], ["--listen", "1.2.3.4:99999"],
                          ["--listen", "example.org:80"], ["--backend", "kqueue"], ["--workers", "-1"],
                          ["--workers", "many"], ["--memory-budget", "12q"], ["--head-max", "-1"],
                          ["--head-timeout", "soon"], ["--idle-timeout", "-5s"], ["--connections", "0"],
                          ["--log-format", "xml"], ["--listen"], ["extra", "arguments"]):
            with self.subTest(arguments):
                self.expect(2, [arguments[0] if arguments[0].startswith("-") else ""], SITE, *arguments,
                            one_line=False)

    def test_unknown_command(self):
        for arguments in ([], ["dance"], ["--nonsense"]):
            run = subprocess.run([*PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                                 text=True, timeout=30, check=False)
            self.assertEqual(2, run.returncode, arguments)
            self.assertTrue(run.stderr.strip())

    @linux_only(SECCOMP)
    def test_backend_forbidden(self):
        self.expect(1, ["io_uring", "not permitted"], SITE, "--backend", "io_uring",
                    "--listen", "127.0.0.1:0", preexec=forbid_io_uring())


@linux_only(SECCOMP)
class Forbidden(ServerCase, unittest.TestCase):
    """Under the seccomp filter of an ordinary container."""

    backend = "auto"

    def test_auto_takes_epoll_and_says_why(self):
        server = self.serve(root=SITE, preexec=forbid_io_uring())
        with server.connect() as client:
            self.assertEqual(200, client.ask("/").status)
            self.assertEqual(200, client.ask("/static/computer-network.jpg").status)
        self.assertIn("epoll", server.stderr)
        self.assertRegex(server.stderr, r"(?i)io_uring[^\n]*(not permitted|seccomp)")

    def test_probe_says_why(self):
        run = subprocess.run([BINARY, "probe"], stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, timeout=30, preexec_fn=forbid_io_uring(), check=False)
        self.assertEqual(0, run.returncode, run.stderr)
        self.assertRegex(run.stdout, r"(?i)io_uring[^\n]*not permitted")
        self.assertIn("epoll", run.stdout)


class Commands(unittest.TestCase):
    def run_it(self, *arguments):
        return subprocess.run([*PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=30, check=False)

    def test_version(self):
        run = self.run_it("--version")
        self.assertEqual(0, run.returncode)
        self.assertRegex(run.stdout, r"^sluice \d+\.\d+\.\d+")

    def test_help(self):
        for arguments in (["--help"], ["serve", "--help"]):
            run = self.run_it(*arguments)
            self.assertEqual(0, run.returncode)
            self.assertIn("serve", run.stdout)
        for option in ("--listen", "--backend", "--workers", "--memory-budget", "--access-log",
                       "--log-format", "--head-timeout", "--idle-timeout", "--write-timeout",
                       "--body-timeout", "--linger-timeout", "--drain-timeout", "--request-line-max",
                       "--head-max", "--fields-max", "--body-max", "--connections", "--connections-per-client"):
            self.assertIn(option, run.stdout)

    def test_probe(self):
        run = self.run_it("probe")
        self.assertEqual(0, run.returncode)
        for word in ("iocp",) if WINDOWS else ("epoll", "io_uring", "multishot"):
            self.assertIn(word, run.stdout)


class Start(ServerCase, unittest.TestCase):
    backend = "auto"

    def test_it_says_where_and_how(self):
        server = self.serve(root=SITE, workers=2)
        first = server.lines[0]
        self.assertIn(SITE, first)
        self.assertIn(f"http://127.0.0.1:{server.port}/", first)
        self.assertRegex(server.stderr, "io_uring|epoll|iocp")
        self.assertIn("2 workers", server.stderr)

    def test_default_address(self):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken = probe.connect_ex(("127.0.0.1", 8080)) == 0
        server = Server(SITE, listen=())
        server.expected = 1
        try:
            if taken:  # by another server: then ours has to say so
                self.assertEqual(1, server.wait())
                self.assertIn("8080", server.stderr)
            else:
                server.wait_ready()
                self.assertEqual([("127.0.0.1", 8080)], server.addresses)
        finally:
            if server.process.poll() is None:
                server.signal()
                self.assertEqual(0, server.wait())


if __name__ == "__main__":
    main()
