"""Content: ranges, conditional requests, precompressed variants, names, what is never served, and
files of more than four gibibytes."""

import os
import re
import socket
import time

from harness import WINDOWS, ServerCase, main, on_each_backend

TEXT = bytes(range(256)) * 40  # 10,240 bytes, each range of it recognisable


@on_each_backend
class Ranges(ServerCase):
    def setUp(self):
        super().setUp()
        self.put("file.bin", TEXT)
        self.put("empty.bin", b"")
        self.client = self.serve().connect()
        self.addCleanup(self.client.close)

    def ask(self, value, *fields, path="/file.bin", method="GET"):
        return self.client.ask(path, method=method, fields=[f"Range: {value}", *fields])

    def test_single(self):
        for value, first, last in (("bytes=0-0", 0, 0), ("bytes=5-9", 5, 9),
                                   ("bytes=10000-", 10000, 10239), ("bytes=-1", 10239, 10239),
                                   ("bytes=-99999", 0, 10239), ("bytes=10-99999", 10, 10239)):
            answer = self.ask(value)
            self.assertEqual(206, answer.status, value)
            self.assertEqual(f"bytes {first}-{last}/10240", answer["Content-Range"])
            self.assertEqual(TEXT[first:last + 1], answer.body)

    def test_not_satisfiable(self):
        for value in ("bytes=10240-", "bytes=99999-100000", "bytes=-0"):
            answer = self.ask(value)
            self.assertEqual(416, answer.status, value)
            self.assertEqual("bytes */10240", answer["Content-Range"])

    def test_what_is_no_range_is_ignored(self):
        for value in ("lines=1-2", "bytes=", "bytes=5-4", "bytes=a-b", "bytes 1-2", "bytes=1",
                      "bytes=--1", "bytes=1-2x"):
            answer = self.ask(value)
            self.assertEqual((200, TEXT), (answer.status, answer.body), value)

    def test_several(self):
        answer = self.ask("bytes=0-9,100-109,-5")
        self.assertEqual(206, answer.status)
        boundary = re.match(r"multipart/byteranges; ?boundary=\"?([^\"]+)\"?$",
                            answer["Content-Type"])
        self.assertTrue(boundary, answer["Content-Type"])
        parts = answer.body.split(b"--" + boundary.group(1).encode())
        self.assertEqual(b"--", parts[-1].strip())
        bodies = []
        for part in parts[1:-1]:
            head, _, body = part.partition(b"\r\n\r\n")
            bodies.append((re.search(rb"(?i)content-range: bytes (\S+)", head).group(1), body[:-2]))
        self.assertEqual([(b"0-9/10240", TEXT[:10]), (b"100-109/10240", TEXT[100:110]),
                          (b"10235-10239/10240", TEXT[-5:])], bodies)

    def test_overlapping_ranges_become_one(self):
        answer = self.ask("bytes=0-99,50-149,150-199")
        self.assertEqual((206, "bytes 0-199/10240"), (answer.status, answer["Content-Range"]))
        self.assertEqual(TEXT[:200], answer.body)

    def test_very_many_ranges_do_not_amplify(self):
        answer = self.ask("bytes=" + ",".join(f"{i * 2}-{i * 2}" for i in range(1000)))
        self.assertIn(answer.status, (200, 206, 416))
        self.assertLess(len(answer.body), 2 * len(TEXT))

    def test_if_range(self):
        whole = self.client.ask("/file.bin")
        for value, status in ((whole["ETag"], 206), ('"other"', 200), ("W/" + whole["ETag"], 200),
                              ("Thu, 27 Oct 2022 17:37:18 GMT", 200)):
            self.assertEqual(status, self.ask("bytes=0-4", f"If-Range: {value}").status, value)

    def test_empty_file(self):
        answer = self.client.ask("/empty.bin")
        self.assertEqual((200, "0", b""), (answer.status, answer["Content-Length"], answer.body))
        self.assertEqual(416, self.ask("bytes=0-0", path="/empty.bin").status)

    def test_head_ignores_the_range(self):
        # RFC 9110 section 14.2: a Range is defined for GET only.
        answer = self.ask("bytes=0-9", method="HEAD")
        self.assertEqual((200, "10240"), (answer.status, answer["Content-Length"]))


@on_each_backend
class Conditional(ServerCase):
    def setUp(self):
        super().setUp()
        path = self.put("page.html", b"<p>page</p>")
        os.utime(path, (1666892238, 1666892238))  # Thu, 27 Oct 2022 17:37:18 GMT
        self.client = self.serve().connect()
        self.addCleanup(self.client.close)
        self.first = self.client.ask("/page.html")
        self.etag = self.first["ETag"]

    def status(self, *fields, method="GET"):
        answer = self.client.ask("/page.html", method=method, fields=fields)
        if answer.status == 304:
            self.assertEqual(self.etag, answer["ETag"])
            self.assertIsNotNone(answer["Date"])
            self.assertIsNone(answer["Content-Type"])
        return answer.status

    def test_none_match(self):
        for value in (self.etag, "*", f'"a", {self.etag}, "b"', "W/" + self.etag):
            self.assertEqual(304, self.status(f"If-None-Match: {value}"), value)
            self.assertEqual(304, self.status(f"If-None-Match: {value}", method="HEAD"), value)
        self.assertEqual(200, self.status('If-None-Match: "other"'))
        self.assertEqual(304, self.status('If-None-Match: "other"', f"If-None-Match: {self.etag}"))

    def test_modified_since(self):
        self.assertEqual("Thu, 27 Oct 2022 17:37:18 GMT", self.first["Last-Modified"])
        for value, status in (("Thu, 27 Oct 2022 17:37:18 GMT", 304),
                              ("Thu, 27 Oct 2022 17:37:17 GMT", 200),
                              ("Thursday, 27-Oct-22 17:37:18 GMT", 304),
                              ("Thu Oct 27 17:37:18 2022", 304), ("yesterday", 200)):
            self.assertEqual(status, self.status(f"If-Modified-Since: {value}"), value)

    def test_match(self):
        self.assertEqual(200, self.status(f"If-Match: {self.etag}"))
        self.assertEqual(200, self.status("If-Match: *"))
        self.assertEqual(412, self.status('If-Match: "other"'))
        self.assertEqual(412, self.status("If-Match: W/" + self.etag))  # strong comparison

    def test_unmodified_since(self):
        self.assertEqual(200, self.status("If-Unmodified-Since: Thu, 27 Oct 2022 17:37:18 GMT"))
        self.assertEqual(412, self.status("If-Unmodified-Since: Thu, 27 Oct 2022 17:37:17 GMT"))

    def test_order_of_precedence(self):
        # RFC 9110 section 13.2.2: entity tags go before dates.
        late, early = "Fri, 28 Oct 2022 00:00:00 GMT", "Wed, 26 Oct 2022 00:00:00 GMT"
        self.assertEqual(200, self.status('If-None-Match: "other"', f"If-Modified-Since: {late}"))
        self.assertEqual(304, self.status(f"If-None-Match: {self.etag}", f"If-Modified-Since: {early}"))
        self.assertEqual(200, self.status(f"If-Match: {self.etag}", f"If-Unmodified-Since: {early}"))

    def test_the_validator_is_made_from_the_content(self):
        path = self.put("page.html", b"<p>PAGE</p>")  # same length, same time
        os.utime(path, (1666892238, 1666892238))
        self.eventually(lambda: self.client.ask("/page.html").body == b"<p>PAGE</p>",
                        what="the new content")
        self.assertEqual(200, self.status(f"If-None-Match: {self.etag}"))


@on_each_backend
class Variants(ServerCase):
    def setUp(self):
        super().setUp()
        self.put("app.js", b"plain")
        for ending in ("br", "gz", "zst"):
            self.put(f"app.js.{ending}", ending.encode())
        self.put("only.css", b"plain")
        self.put("only.css.gz", b"gz")
        self.put("alone.html", b"plain")
        self.client = self.serve().connect()
        self.addCleanup(self.client.close)

    def ask(self, accept, path="/app.js"):
        return self.client.ask(path, fields=[f"Accept-Encoding: {accept}"] if accept else [])

    def test_negotiation(self):
        for accept, body in (("", b"plain"), ("gzip", b"gz"), ("br", b"br"), ("zstd", b"zst"),
                             ("gzip, deflate, br", b"br"), ("gzip;q=1, br;q=0.5", b"gz"),
                             ("br;q=0, gzip", b"gz"), ("deflate", b"plain"), ("*", b"br"),
                             ("*;q=0.1, gzip;q=0", b"br"), ("identity", b"plain"),
                             ("GZIP", b"gz"), ("gzip;q=0.000", b"plain")):
            answer = self.ask(accept)
            self.assertEqual(body, answer.body, accept)
            self.assertIn("accept-encoding", (answer["Vary"] or "").lower())
            name = {b"gz": "gzip", b"zst": "zstd", b"br": "br", b"plain": None}[body]
            self.assertEqual(name, answer["Content-Encoding"], accept)
            self.assertIn("javascript", answer["Content-Type"])

    def test_each_has_a_validator_of_its_own(self):
        tags = {self.ask(accept)["ETag"] for accept in ("", "gzip", "br", "zstd")}
        self.assertEqual(4, len(tags))

    def test_vary_only_where_there_is_a_choice(self):
        self.assertIsNone(self.ask("gzip", "/alone.html")["Vary"])
        self.assertEqual(b"plain", self.ask("br", "/only.css").body)
        self.assertEqual(b"gz", self.ask("gzip", "/only.css").body)

    def test_a_304_speaks_of_the_variant(self):
        tag = self.ask("gzip")["ETag"]
        answer = self.client.ask("/app.js", fields=["Accept-Encoding: gzip", f"If-None-Match: {tag}"])
        self.assertEqual(304, answer.status)
        self.assertIn("accept-encoding", (answer["Vary"] or "").lower())
        self.assertEqual(200, self.client.ask("/app.js", fields=[f"If-None-Match: {tag}"]).status)

    def test_a_range_is_of_the_variant(self):
        answer = self.client.ask("/app.js", fields=["Accept-Encoding: gzip", "Range: bytes=1-1"])
        self.assertEqual((206, b"z"), (answer.status, answer.body))


@on_each_backend
class Names(ServerCase):
    SECRET = b"SECRET outside the root"

    def setUp(self):
        super().setUp()
        self.put("index.html", b"index")
        self.put("a/b.txt", b"b")
        self.put("聂志强/页.html", b"utf-8")
        self.put("with space.txt", b"space")
        self.put("plus+.txt", b"plus")
        for name in (".git/config", ".hidden", "a/.env", ".well-known/.x"):
            self.put(name, self.SECRET)
        self.put(".well-known/security.txt", b"contact")
        self.put("outside.txt", self.SECRET, root=self.work)
        self.put("outside/index.html", self.SECRET, root=self.work)

    def start(self):
        self.client = self.serve().connect(timeout=5)
        self.addCleanup(self.client.close)

    def get(self, path):
        answer = self.client.ask(path)
        self.assertNotIn(b"SECRET", answer.body, path)
        if answer.status == 400:  # closes the connection
            self.client.close()
            self.client = self.server_client()
        return answer

    def serve(self, *arguments, **options):
        server = super().serve(*arguments, **options)
        self.server_client = lambda: server.connect(timeout=5)
        return server

    def test_decoded_names(self):
        self.start()
        for path, body in (("/%E8%81%82%E5%BF%97%E5%BC%BA/%E9%A1%B5.html", b"utf-8"),
                           ("/with%20space.txt", b"space"), ("/plus+.txt", b"plus"),
                           ("/plus%2B.txt", b"plus"), ("/%61/%62.txt", b"b"), ("/a/./b.txt", b"b"),
                           ("/x/../a/b.txt", b"b"), ("/a/b.txt?query=/../x", b"b")):
            answer = self.get(path)
            self.assertEqual((200, body), (answer.status, answer.body), path)

    def test_never_above_the_root(self):
        self.start()
        for path in ("/../outside.txt", "/../../../../etc/passwd", "/a/../../outside.txt",
                     "/%2e%2e/outside.txt", "/%2e%2e%2foutside.txt", "/..%2foutside.txt",
                     "/a/..%2f..%2foutside.txt", "/..%5coutside.txt", "/....//outside.txt",
                     "/%252e%252e/outside.txt", "/..;/outside.txt", "//outside.txt"):
            self.assertIn(self.get(path).status, (400, 404), path)

    def test_an_encoded_slash_is_no_separator(self):
        self.start()
        self.assertIn(self.get("/a%2Fb.txt").status, (400, 404))
        self.assertEqual(404, self.get("/%252e").status)

    def test_dotfiles_are_hidden(self):
        self.start()
        for path in ("/.git/config", "/.hidden", "/a/.env", "/%2egit/config", "/%2Ehidden",
                     "/a/%2eenv", "/.git", "/.git/", "/a/../.hidden", "/.well-known/.x"):
            self.assertEqual(404, self.get(path).status, path)
        self.assertEqual(b"contact", self.get("/.well-known/security.txt").body)

    def test_symlinks(self):
        os.symlink("a/b.txt", self.root + "/inside.txt")
        os.symlink("a", self.root + "/inside")
        os.symlink("../outside.txt", self.root + "/outside.txt")
        os.symlink(self.work + "/outside", self.root + "/outside")
        os.symlink("/etc/passwd", self.root + "/passwd")
        os.symlink("loop", self.root + "/loop")
        os.symlink("nothing", self.root + "/dangling")
        os.symlink(".hidden", self.root + "/visible.txt")
        self.start()
        self.assertEqual(b"b", self.get("/inside.txt").body)
        self.assertEqual(b"b", self.get("/inside/b.txt").body)
        for path in ("/outside.txt", "/outside", "/outside/", "/outside/index.html", "/passwd",
                     "/loop", "/dangling"):
            answer = self.get(path)
            self.assertEqual(404, answer.status, path)
            self.assertNotIn(b"root:", answer.body)

    def test_a_symlink_that_turns_outside_later(self):
        os.symlink("a/b.txt", self.root + "/link.txt")
        self.start()
        self.assertEqual(b"b", self.get("/link.txt").body)
        os.symlink(self.work + "/outside.txt", self.work + "/new")
        os.replace(self.work + "/new", self.root + "/link.txt")
        self.eventually(lambda: self.get("/link.txt").status == 404, what="the refusal")

    def test_pipes_sockets_and_devices(self):
        os.mkfifo(self.root + "/pipe")
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(self.root + "/socket")
            os.symlink("/dev/zero", self.root + "/zero")
            self.start()
            for path in ("/pipe", "/socket", "/zero"):
                begin = time.monotonic()
                self.assertEqual(404, self.get(path).status, path)
                self.assertLess(time.monotonic() - begin, 2)

    def test_changes_are_seen(self):
        self.start()
        self.assertEqual(404, self.get("/new/page.html").status)
        self.put("new/page.html", b"first")
        begin = time.monotonic()
        self.eventually(lambda: self.get("/new/page.html").body == b"first", what="a new file")
        # A quarter of a second, and a busy machine; on Windows it may be found by looking.
        self.assertLess(time.monotonic() - begin, 4 if WINDOWS else 1)
        self.put("new/page.html", b"second, longer")
        self.eventually(lambda: self.get("/new/page.html").body == b"second, longer", what="an edit")
        os.rename(self.root + "/new", self.root + "/moved")
        self.eventually(lambda: self.get("/new/page.html").status == 404, what="a removal")
        self.eventually(lambda: self.get("/moved/page.html").status == 200, what="a move")
        self.put("moved/page.html.gz", b"gz")
        self.eventually(lambda: self.get("/moved/page.html")["Vary"], what="a variant")


@on_each_backend
class Huge(ServerCase):
    SIZE = 5 * 1024 ** 3

    def test_beyond_four_gibibytes(self):
        marks = {0: b"at the start", 2 ** 31 - 4: b"over 31 bits", 2 ** 32 - 4: b"over 32 bits",
                 self.SIZE - 10: b"at the end"}
        with open(self.root + "/huge.bin", "wb") as huge:
            huge.truncate(self.SIZE)
            for offset, text in marks.items():
                huge.seek(offset)
                huge.write(text[:self.SIZE - offset])
        server = self.serve()
        with server.connect(timeout=60) as client:
            head = client.ask("/huge.bin", method="HEAD")
            self.assertEqual((200, str(self.SIZE)), (head.status, head["Content-Length"]))
            for offset, text in marks.items():
                text = text[:self.SIZE - offset]
                last = offset + len(text) - 1
                answer = client.ask("/huge.bin", fields=[f"Range: bytes={offset}-{last}"])
                self.assertEqual((206, text), (answer.status, answer.body))
                self.assertEqual(f"bytes {offset}-{last}/{self.SIZE}", answer["Content-Range"])
            answer = client.ask("/huge.bin", fields=["Range: bytes=-10"])
            self.assertEqual(b"at the end", answer.body)
            # A range of 20 MB across the border, and the connection is in step afterwards.
            first, last = 2 ** 32 - 10_000_000, 2 ** 32 + 9_999_999
            answer = client.ask("/huge.bin", fields=[f"Range: bytes={first}-{last}"])
            self.assertEqual(20_000_000, len(answer.body))
            self.assertEqual(9_999_996, answer.body.index(b"over 32 bits"))
            self.assertEqual(200, client.ask("/huge.bin", method="HEAD").status)

    def test_ten_megabytes_are_whole(self):
        content = os.urandom(10_000_000)
        self.put("large.bin", content)
        for budget in ("64m", "1m"):  # from memory, and from the file
            server = self.serve("--memory-budget", budget)
            with server.connect() as client:
                for _ in range(3):
                    self.assertEqual(content, client.ask("/large.bin").body)


if __name__ == "__main__":
    main()
