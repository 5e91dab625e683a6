"""Slow and silent peers: each deadline, with small values, and the end of an answer after which the
server closes."""

import contextlib
import socket
import time

from harness import Closed, ServerCase, main, on_each_backend

SLACK = 3.0  # seconds that a busy machine may add to a deadline


@on_each_backend
class Deadlines(ServerCase):
    def setUp(self):
        super().setUp()
        self.put("index.html", b"page")
        self.put("big.bin", b"\x07" * 30_000_000)

    def ends_within(self, client, low, high):
        """The bytes before the server's close, which must come between `low` and `high`."""
        begin = time.monotonic()
        got = client.at_end()
        taken = time.monotonic() - begin
        self.assertGreaterEqual(taken, low)
        self.assertLess(taken, high + SLACK)
        return got

    def test_a_head_that_does_not_end(self):
        server = self.serve("--head-timeout", "500ms")
        with server.connect() as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n")
            self.assertTrue(self.ends_within(client, 0.3, 0.5).startswith(b"HTTP/1.1 408 "))

    def test_the_head_deadline_is_total(self):
        server = self.serve("--head-timeout", "600ms")
        with server.connect(timeout=0.1) as client:
            begin = time.monotonic()
            client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ")
            answer = None
            while answer is None:
                self.assertLess(time.monotonic() - begin, 0.6 + SLACK)
                client.send("y")
                with contextlib.suppress(TimeoutError):
                    answer = client.read()
            self.assertEqual(408, answer.status)
            self.assertGreater(time.monotonic() - begin, 0.4)

    def test_a_connection_that_says_nothing(self):
        server = self.serve("--head-timeout", "500ms")
        with server.connect() as client:
            got = self.ends_within(client, 0.3, 0.5)
            self.assertTrue(got == b"" or got.startswith(b"HTTP/1.1 408 "), got)

    def test_idle(self):
        server = self.serve("--idle-timeout", "500ms", "--head-timeout", "10s")
        with server.connect() as client:
            self.assertEqual(200, client.ask("/").status)
            time.sleep(0.2)
            self.assertEqual(200, client.ask("/").status)
            self.assertEqual(b"", self.ends_within(client, 0.3, 0.5))

    def test_a_body_that_does_not_end(self):
        server = self.serve("--body-timeout", "500ms")
        with server.connect() as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
            got = self.ends_within(client, 0.3, 0.5)
            self.assertTrue(got == b"" or got.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 200 ")), got)

    def test_a_reader_that_does_not_read(self):
        server = self.serve("--write-timeout", "500ms")
        with server.connect(receive_buffer=4096) as client:
            client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            time.sleep(0.5 + SLACK)
            self.assertLess(len(client.at_end()), 30_000_000)
        with server.connect() as client:
            self.assertEqual(200, client.ask("/").status)

    def test_a_reader_that_reads_slowly_is_served(self):
        """Progress is enough: within the write timeout far less than one send is read."""
        server = self.serve("--write-timeout", "3s")
        with server.connect(receive_buffer=32 * 1024) as client:
            client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=0-14999999\r\n\r\n")
            client.read_head()
            have = len(client.buffer)
            begin = time.monotonic()
            while have < 15_000_000:
                part = client.socket.recv(64 * 1024)
                self.assertTrue(part, f"closed after {have} bytes")
                have += len(part)
                if time.monotonic() - begin < 6:
                    time.sleep(0.05)

    def test_many_stalled_readers_do_not_hold_up_others(self):
        server = self.serve()
        stalled = []
        for _ in range(50):
            client = server.connect(receive_buffer=4096)
            client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            stalled.append(client)
        begin = time.monotonic()
        with server.connect() as client:
            for _ in range(100):
                self.assertEqual(b"page", client.ask("/").body)
        self.assertLess(time.monotonic() - begin, 2 + SLACK)
        for client in stalled:
            client.close()


@on_each_backend
class Linger(ServerCase):
    def test_the_refusal_arrives_though_the_body_is_not_read(self):
        """A close with unread input would reset the connection, and the reset would destroy the
        answer that is still on its way."""
        self.put("index.html", b"page")
        server = self.serve()
        for _ in range(20):
            with server.connect() as client:
                client.send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n")
                with contextlib.suppress(OSError):
                    client.send(b"x" * 150_000)
                time.sleep(0.02)
                answer = client.read()
                self.assertEqual(413, answer.status)

    def test_it_is_bounded(self):
        self.put("index.html", b"page")
        server = self.serve("--linger-timeout", "500ms")
        with server.connect() as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.assertEqual(200, client.read().status)
            begin = time.monotonic()
            with self.assertRaises((OSError, Closed)):
                while time.monotonic() - begin < 0.5 + 2 * SLACK:
                    client.send(b"x")
                    time.sleep(0.05)
            self.assertLess(time.monotonic() - begin, 0.5 + SLACK)

    def test_reset_by_the_peer(self):
        self.put("big.bin", b"\x07" * 10_000_000)
        server = self.serve()
        for _ in range(50):
            client = server.connect(receive_buffer=4096)
            client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            client.socket.recv(100)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        with server.connect() as client:
            self.assertEqual(10_000_000, len(client.ask("/big.bin").body))


if __name__ == "__main__":
    main()
