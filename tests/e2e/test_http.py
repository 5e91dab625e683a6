"""Messages: methods, versions, framing, keep-alive, pipelining, and everything that is refused."""

import contextlib
import socket
import subprocess
import time

from harness import SITE, Closed, ServerCase, main, on_each_backend

PAGE = b"<!DOCTYPE html><title>t</title>"


@on_each_backend
class Messages(ServerCase):
    def setUp(self):
        super().setUp()
        self.put("index.html", PAGE)
        self.put("dir/index.html", b"in dir")
        self.put("empty/other.txt", b"no index here")
        self.put("big.bin", b"\x00\x01" * 500_000)
        self.server = self.serve()

    def ask(self, *arguments, **options):
        with self.server.connect() as client:
            return client.ask(*arguments, **options)

    def test_get(self):
        answer = self.ask("/")
        self.assertEqual((200, "HTTP/1.1", PAGE), (answer.status, answer.version, answer.body))
        self.assertEqual("text/html; charset=utf-8", answer["Content-Type"].lower())
        self.assertEqual("nosniff", answer["X-Content-Type-Options"])
        self.assertRegex(answer["ETag"], r'^"[^"]+"$')
        self.assertRegex(answer["Date"], r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")
        self.assertRegex(answer["Last-Modified"], r" GMT$")
        self.assertEqual("bytes", answer["Accept-Ranges"])

    def test_head_is_the_head_of_get(self):
        for path in ("/", "/big.bin", "/missing", "/dir"):
            with self.subTest(path), self.server.connect() as client:
                get = client.ask(path)
                head = client.ask(path, method="HEAD")
                self.assertEqual(get.status, head.status)
                self.assertEqual([f for f in get.fields if f[0] != "date"],
                                 [f for f in head.fields if f[0] != "date"])
                # No body was sent: the next answer starts where it should.
                self.assertEqual(200, client.ask("/").status)

    def test_missing(self):
        with self.server.connect() as client:
            for path in ("/missing", "/empty/", "/dir/index.html/x", "/index.html/"):
                self.assertEqual(404, client.ask(path).status, path)
            self.assertEqual(200, client.ask("/").status)

    def test_directory_without_slash_is_redirected(self):
        for path, location in (("/dir", "/dir/"), ("/dir?x=1&y", "/dir/?x=1&y")):
            answer = self.ask(path)
            self.assertEqual((301, location), (answer.status, answer["Location"]))
        self.assertEqual(b"in dir", self.ask("/dir/").body)

    def test_a_redirect_never_leads_to_another_host(self):
        for path in ("//dir", "///dir", "/\\dir", "/%2fdir", "//dir/../dir", "/./dir", "/.//dir"):
            location = self.ask(path)["Location"]
            if location is not None:
                self.assertTrue(location.startswith("/"), (path, location))
                self.assertNotIn(location[1:2], ("/", "\\"), (path, location))

    def test_methods(self):
        for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE"):
            answer = self.ask("/", method=method, fields=["Content-Length: 0"])
            self.assertEqual(405, answer.status, method)
            self.assertIn("GET", answer["Allow"])
            self.assertIn("HEAD", answer["Allow"])
        for method in ("BREW", "get", "GETX"):
            self.assertEqual(501, self.ask("/", method=method).status, method)

    def test_options(self):
        for path in ("/", "*"):
            answer = self.ask(path, method="OPTIONS")
            self.assertIn(answer.status, (200, 204), path)
            self.assertIn("GET", answer["Allow"])

    def test_versions(self):
        for version in ("HTTP/2.0", "HTTP/3.0", "HTTP/0.9"):
            self.assertEqual(505, self.ask("/", version=version).status, version)
        for version in ("HTTP/1.2", "HTTP/1.9"):
            answer = self.ask("/", version=version)
            self.assertEqual((200, "HTTP/1.1"), (answer.status, answer.version), version)
        for version in ("HTTP/1", "HTTQ/1.1", "http/1.1", "HTTP/1.1x"):
            self.assertEqual(400, self.ask("/", version=version).status, version)

    def test_host(self):
        for fields in (["X: y"], ["Host: a", "Host: a"], ["Host: a", "Host: b"], ["Host: a b"],
                       ["Host: a/b"], ["Host: user@a"], ["Host: a:port"]):
            with self.server.connect() as client:
                client.send("GET / HTTP/1.1\r\n" + "\r\n".join(fields) + "\r\n\r\n")
                self.assertEqual(400, client.read().status, fields)
        for host in ("a", "a.example:80", "[::1]:8080", "127.0.0.1"):
            self.assertEqual(200, self.ask("/", fields=[f"Host: {host}"]).status, host)

    def test_absolute_form(self):
        self.assertEqual(PAGE, self.ask("http://localhost/").body)
        self.assertEqual(b"in dir", self.ask("http://other.example:81/dir/?q").body)

    def test_keep_alive(self):
        with self.server.connect() as client:
            for _ in range(50):
                answer = client.ask("/")
                self.assertEqual(PAGE, answer.body)
                self.assertNotEqual("close", answer["Connection"])
            answer = client.ask("/", fields=["Connection: close"])
            self.assertEqual("close", answer["Connection"])
            self.assertEqual(b"", client.at_end())

    def test_http_1_0(self):
        with self.server.connect() as client:
            answer = client.ask("/", version="HTTP/1.0")
            self.assertEqual(PAGE, answer.body)
            self.assertEqual(b"", client.at_end())
        with self.server.connect() as client:
            for _ in range(3):
                answer = client.ask("/", version="HTTP/1.0", fields=["Connection: keep-alive"])
                self.assertEqual("keep-alive", answer["Connection"].lower())

    def test_pipelining_is_answered_in_order(self):
        paths = ["/", "/dir/", "/missing", "/big.bin", "/"] * 20
        with self.server.connect() as client:
            client.send("".join(f"GET {p} HTTP/1.1\r\nHost: a\r\n\r\n" for p in paths))
            sizes = {"/": len(PAGE), "/dir/": 6, "/big.bin": 1_000_000}
            for path in paths:
                answer = client.read()
                self.assertEqual(404 if path == "/missing" else 200, answer.status)
                if path in sizes:
                    self.assertEqual(sizes[path], len(answer.body))

    def test_pipelining_ends_with_the_close_that_was_asked_for(self):
        with self.server.connect() as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"
                        "GET /dir/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                        "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(PAGE, client.read().body)
            self.assertEqual(b"in dir", client.read().body)
            self.assertEqual(b"", client.at_end())

    def test_every_byte_in_a_packet_of_its_own(self):
        with self.server.connect() as client:
            for byte in b"GET /dir/ HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n":
                client.send(bytes([byte]))
                time.sleep(0.001)
            self.assertEqual(b"in dir", client.read().body)

    def test_client_that_ends_its_sending_side_is_still_answered(self):
        with self.server.connect() as client:
            client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            client.socket.shutdown(1)
            self.assertEqual(1_000_000, len(client.read().body))
            self.assertEqual(b"", client.at_end())

    def test_bodies_are_dropped(self):
        with self.server.connect() as client:
            for fields, body in ((["Content-Length: 5"], b"hello"),
                                 (["Content-Length: 200000"], b"x" * 200_000),
                                 (["Transfer-Encoding: chunked"],
                                  b"5\r\nhello\r\n1f4\r\n" + b"y" * 500 + b"\r\n0\r\n\r\n"),
                                 (["Transfer-Encoding: chunked"], b"0\r\nTrailer: x\r\n\r\n")):
                self.assertEqual(PAGE, client.ask("/", fields=fields, body=body).body)
            self.assertEqual(PAGE, client.ask("/").body)

    def test_a_body_too_long(self):
        for fields in (["Content-Length: 99999999999"], ["Content-Length: 1048577"]):
            with self.server.connect() as client:
                self.assertEqual(413, client.ask("/", fields=fields).status)
                client.at_end()

    def test_expect_continue(self):
        with self.server.connect() as client:
            first = client.ask("/", fields=["Content-Length: 5", "Expect: 100-continue"])
            self.assertEqual(100, first.status)
            client.send("hello")
            self.assertEqual(PAGE, client.read().body)
            self.assertEqual(PAGE, client.ask("/").body)

    def test_what_smuggling_needs_is_refused(self):
        host = "Host: a\r\n"
        bad = {
            "both lengths": host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "differing lengths": host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            "differing list": host + "Content-Length: 5, 6\r\n\r\nhello",
            "plus": host + "Content-Length: +5\r\n\r\nhello",
            "minus": host + "Content-Length: -5\r\n\r\nhello",
            "hex": host + "Content-Length: 0x5\r\n\r\nhello",
            "space inside": host + "Content-Length: 5 5\r\n\r\nhello",
            "empty length": host + "Content-Length:\r\n\r\n",
            "over 64 bits": host + "Content-Length: 99999999999999999999\r\n\r\n",
            "other coding": host + "Transfer-Encoding: gzip\r\n\r\n",
            "coding after chunked": host + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
            "chunked twice": host + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            "like chunked": host + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "bare CR": host + "X: a\rb\r\n\r\n",
            "bare LF": "Host: a\nX: b\r\n\r\n",
            "LF only": "Host: a\n\n",
            "folded line": host + "X: a\r\n b\r\n\r\n",
            "space before colon": host + "X : a\r\n\r\n",
            "space before name": " X: a\r\n" + host + "\r\n",
            "no name": host + ": a\r\n\r\n",
            "no colon": host + "X\r\n\r\n",
            "NUL": host + "X: a\0b\r\n\r\n",
            "control byte": host + "X: a\x01b\r\n\r\n",
            "chunk size": host + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "negative chunk": host + "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
            "huge chunk": host + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            "chunk without CRLF": host + "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
            "chunk with bare LF": host + "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
            "chunk extension": host + "Transfer-Encoding: chunked\r\n\r\n5;a\x01=b\r\nhello\r\n0\r\n\r\n",
        }
        follow = "GET /dir/ HTTP/1.1\r\nHost: a\r\n\r\n"
        for name, rest in bad.items():
            with self.subTest(name), self.server.connect() as client:
                client.send("GET / HTTP/1.1\r\n" + rest + follow)
                got = client.at_end()
                self.assertTrue(got.startswith(b"HTTP/1.1 400 "), got[:200])
                self.assertEqual(1, got.count(b"HTTP/1.1 "), got)

    def test_bad_request_lines(self):
        for line in ("GET", "GET /", "GET  / HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.1 ",
                     "GET index.html HTTP/1.1", "GET /\0 HTTP/1.1", "GET /a b HTTP/1.1", "\x16\x03\x01"):
            with self.subTest(line), self.server.connect() as client:
                client.send(line + "\r\nHost: a\r\n\r\n")
                self.assertTrue(client.at_end().startswith(b"HTTP/1.1 400 "))

    def test_bad_targets(self):
        for path in ("/%", "/%0", "/%zz", "/%00", "/%0a", "/%7f", "/a%01b"):
            self.assertEqual(400, self.ask(path).status, path)

    def test_limits(self):
        self.assertEqual(414, self.ask("/" + "x" * 9000).status)
        self.assertEqual(431, self.ask("/", fields=["X: " + "y" * 17_000]).status)
        self.assertEqual(431, self.ask("/", fields=[f"X{i}: y" for i in range(120)]).status)
        self.assertEqual(404, self.ask("/" + "x" * 7000).status)
        self.assertEqual(200, self.ask("/", fields=[f"X{i}: y" for i in range(90)]).status)

    def test_error_pages(self):
        with self.server.connect() as client:
            answer = client.ask("/missing")
            self.assertLess(len(answer.body), 2000)
            self.assertIn(b"404", answer.body)
            self.assertRegex(answer["Content-Type"], r"^text/(html|plain)")
            self.assertEqual("nosniff", answer["X-Content-Type-Options"])


@on_each_backend
class Options(ServerCase):
    def test_limits_are_options(self):
        self.put("index.html", PAGE)
        server = self.serve("--request-line-max", "256", "--head-max", "1k", "--fields-max", "5",
                            "--body-max", "10")
        for status, options in ((414, {"path": "/" + "x" * 300}),
                                (431, {"fields": ["X: " + "y" * 1100]}),
                                (431, {"fields": [f"X{i}: y" for i in range(8)]}),
                                (413, {"fields": ["Content-Length: 11"]}),
                                (200, {"fields": ["Content-Length: 10"], "body": b"0123456789"})):
            with server.connect() as client:
                self.assertEqual(status, client.ask(**options).status)

    def test_a_full_worker_lets_others_wait(self):
        self.put("index.html", PAGE)
        self.put("big.bin", b"x" * 30_000_000)
        server = self.serve("--connections", "4")
        busy = [server.connect(receive_buffer=4096) for _ in range(4)]
        for client in busy:
            client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            client.read_head()
        with server.connect(timeout=0.5) as fifth:
            fifth.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            with self.assertRaises(TimeoutError):
                fifth.read()
            busy.pop().close()
            fifth.socket.settimeout(10)
            self.assertEqual(PAGE, fifth.read().body)
        for client in busy:
            client.close()

    def test_in_a_full_worker_the_longest_idle_gives_way(self):
        self.put("index.html", PAGE)
        server = self.serve("--connections", "4")
        held = [server.connect() for _ in range(4)]
        for client in held:
            self.assertEqual(PAGE, client.ask("/").body)
        self.assertEqual(PAGE, held[0].ask("/").body)
        for _ in range(2):
            held.append(server.connect())
            self.assertEqual(PAGE, held[-1].ask("/").body)
            with held.pop(1) as oldest:
                self.assertEqual(b"", oldest.at_end())
        for client in held:
            self.assertEqual(PAGE, client.ask("/").body)
            client.close()

    def test_connections_per_client(self):
        """Each address has a limit of connections, counted over all workers."""
        self.put("index.html", PAGE)
        server = self.serve("--connections-per-client", "3", workers=2)
        held = [server.connect() for _ in range(3)]
        for client in held:
            self.assertEqual(PAGE, client.ask("/").body)
        for _ in range(5):
            with contextlib.suppress(OSError), server.connect() as fourth:
                self.assertEqual(b"", fourth.at_end())
        with contextlib.closing(socket.socket()) as other:
            other.settimeout(10)
            other.bind(("127.0.0.2", 0))
            other.connect(server.addresses[0])
            other.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertTrue(other.recv(1000).startswith(b"HTTP/1.1 200 "))
        held.pop().close()

        def served():
            with contextlib.suppress(Closed, OSError), server.connect() as again:
                return again.ask("/").body == PAGE

        self.eventually(served, what="a place for the client")
        self.eventually(lambda: "--connections-per-client" in server.stderr)
        self.assertEqual(1, server.stderr.count("--connections-per-client"))
        for client in held:
            self.assertEqual(PAGE, client.ask("/").body)
            client.close()


@on_each_backend
class Site(ServerCase):
    def test_curl(self):
        server = self.serve(root=SITE)
        for path, kind in (("/", b"<!DOCTYPE html>"), ("/static/computer-network.jpg", b"\xff\xd8\xff"),
                           ("/favicon.ico", b"\0\0\1\0"), ("/favicon.svg", b"<svg")):
            run = subprocess.run(["curl", "-sS", "--fail", "--max-time", "10",
                                  f"http://127.0.0.1:{server.port}{path}"],
                                 stdout=subprocess.PIPE, check=True)
            self.assertTrue(run.stdout.startswith(kind), path)
            with open(SITE + (path if path != "/" else "/index.html"), "rb") as file:
                self.assertEqual(file.read(), run.stdout)

    def test_several_workers_share_the_connections(self):
        server = self.serve(root=SITE, workers=2)
        for _ in range(100):
            with server.connect() as client:
                self.assertEqual(200, client.ask("/").status)

    def test_connections_that_come_and_go(self):
        server = self.serve(root=SITE)
        for turn in range(300):
            client = server.connect()
            if turn % 3 == 1:
                client.send("GET / HT")
            elif turn % 3 == 2:
                client.send("GET /static/computer-network.jpg HTTP/1.1\r\nHost: a\r\n\r\n")
            client.close()
        with server.connect() as client:
            self.assertEqual(200, client.ask("/").status)
            with self.assertRaises(Closed):
                client.ask("/", fields=["Connection: close"])
                client.read()


if __name__ == "__main__":
    main()
