"""Content: ranges, conditional requests, precompressed variants, names, what is never served, and
files of more than four gibibytes."""

import gzip
import os
import re
import socket
import time
from email.utils import formatdate

from harness import WINDOWS, ServerCase, main, on_each_backend, refused

TEXT = bytes(range(256)) * 40  # 10,240 bytes in which a range is recognisable


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


# The files beside PLAIN, each with the same content (Python's library has no brotli and zstd).
PLAIN = b"plain\n" * 100
CODED = {"gz": gzip.compress(PLAIN),
         "br": b"\xa1\xb8\x12\xc0o\xa4\xaa\xfdu\x1a\x9b\x1b\x9cR\x08\x8b\xda\xe2\x00\x0c6\x01",
         "zst": b"(\xb5/\xfddX\x01m\x00\x000plain\n\x01\x00OR\x95\"\xcfD\x12\x01"}
NAMES = {"gz": "gzip", "br": "br", "zst": "zstd"}
# Debian has gzip for MinGW-w64 and no other coding.
USED = ("gz",) if WINDOWS else ("br", "zst", "gz")


@on_each_backend
class Variants(ServerCase):
    def setUp(self):
        super().setUp()
        self.put("app.js", PLAIN)
        for ending, coded in CODED.items():
            self.put(f"app.js.{ending}", coded)
        self.put("only.css", PLAIN)
        self.put("only.css.gz", CODED["gz"])
        self.put("alone.html", PLAIN)
        self.client = self.serve().connect()
        self.addCleanup(self.client.close)
        for path, endings in (("/app.js", USED), ("/only.css", ("gz",))):
            for ending in endings:
                self.eventually(lambda: self.ask(NAMES[ending], path)["Content-Encoding"],
                                what=f"the verdict on {path}.{ending}")

    def ask(self, accept, path="/app.js"):
        return self.client.ask(path, fields=[f"Accept-Encoding: {accept}"] if accept else [])

    def test_negotiation(self):
        # In the order of preference.
        for accept, wanted in (("", ()), ("gzip", ("gz",)), ("br", ("br",)), ("zstd", ("zst",)),
                               ("gzip, deflate, br", ("br", "gz")),
                               ("gzip;q=1, br;q=0.5", ("gz",)), ("br;q=0, gzip", ("gz",)),
                               ("deflate", ()), ("*", ("br", "gz")),
                               ("*;q=0.1, gzip;q=0", ("br",)), ("identity", ()),
                               ("GZIP", ("gz",)), ("gzip;q=0.000", ())):
            answer = self.ask(accept)
            ending = next((ending for ending in wanted if ending in USED), None)
            self.assertEqual(CODED.get(ending, PLAIN), answer.body, accept)
            self.assertIn("accept-encoding", (answer["Vary"] or "").lower())
            self.assertEqual(NAMES.get(ending), answer["Content-Encoding"], accept)
            self.assertEqual("text/javascript; charset=utf-8", answer["Content-Type"])

    def test_each_has_a_validator_of_its_own(self):
        tags = {self.ask(accept)["ETag"] for accept in ("", *(NAMES[one] for one in USED))}
        self.assertEqual(1 + len(USED), len(tags))

    def test_vary_only_where_there_is_a_choice(self):
        self.assertIsNone(self.ask("gzip", "/alone.html")["Vary"])
        self.assertEqual(PLAIN, self.ask("br", "/only.css").body)
        self.assertEqual(CODED["gz"], self.ask("gzip", "/only.css").body)

    def test_a_304_speaks_of_the_variant(self):
        tag = self.ask("gzip")["ETag"]
        answer = self.client.ask("/app.js", fields=["Accept-Encoding: gzip", f"If-None-Match: {tag}"])
        self.assertEqual(304, answer.status)
        self.assertIn("accept-encoding", (answer["Vary"] or "").lower())
        self.assertEqual(200, self.client.ask("/app.js", fields=[f"If-None-Match: {tag}"]).status)

    def test_a_range_is_of_the_variant(self):
        answer = self.client.ask("/app.js", fields=["Accept-Encoding: gzip", "Range: bytes=1-1"])
        self.assertEqual((206, CODED["gz"][1:2]), (answer.status, answer.body))

    def test_their_times_say_nothing(self):
        for age in (10, 1_000_000):
            os.utime(self.root + "/only.css.gz", (time.time() - age,) * 2)
            os.utime(self.root + "/only.css", (time.time() - 1000 - age,) * 2)
            modified = formatdate(int(os.stat(self.root + "/only.css").st_mtime), usegmt=True)
            self.eventually(lambda: self.ask("", "/only.css")["Last-Modified"] == modified,
                            what="the new time")
            self.eventually(lambda: self.ask("gzip", "/only.css").body == CODED["gz"],
                            what="the variant")


@on_each_backend
class WrongSiblings(ServerCase):
    """Files beside another that have the name of a coding but other content."""

    def test_they_are_not_used(self):
        rows = b"".join(b"row %d of them\n" % i for i in range(5000))
        half = len(rows) // 2
        self.put("honest.csv", rows)
        self.put("honest.csv.gz", gzip.compress(rows))
        for name, sibling in (
                ("stale", gzip.compress(rows.replace(b"row", b"old"))),
                ("short", gzip.compress(rows[:-1])), ("long", gzip.compress(rows + b"x")),
                ("cut", gzip.compress(rows)[:-1]), ("followed", gzip.compress(rows) + b"x"),
                # Chromium would show the first half of it.
                ("twice", gzip.compress(rows[:half]) + gzip.compress(rows[half:])),
                ("plain", rows), ("bomb", gzip.compress(bytes(20 * len(rows))))):
            self.put(f"{name}.csv", rows)
            self.put(f"{name}.csv.gz", sibling)
        self.put("small.csv", b"a,b\n")
        self.put("small.csv.gz", gzip.compress(b"a,b\n"))  # saves nothing
        server = self.serve()
        with server.connect() as client:
            def ask(name):
                return client.ask(f"/{name}.csv", fields=["Accept-Encoding: gzip"])

            self.eventually(lambda: ask("honest")["Content-Encoding"], what="the verdict")
            for name in ("stale", "short", "long", "cut", "followed", "twice", "plain", "bomb",
                         "small"):
                self.eventually(lambda: not ask(name)["Vary"], what=f"the verdict on {name}")
                answer = ask(name)
                self.assertEqual((200, None), (answer.status, answer["Content-Encoding"]), name)
                self.assertEqual(b"a,b\n" if name == "small" else rows, answer.body, name)
            self.assertEqual(gzip.compress(rows)[:4], client.ask("/honest.csv.gz").body[:4])
            line = self.eventually(lambda: [l for l in server.stderr.splitlines() if "compressed" in l],
                                   what="a line that says so")
            self.assertRegex(line[0], r"^sluice: 8 compressed files are not what the file beside it "
                                      r"holds: not used, among them /bomb\.csv\.gz$")


@on_each_backend
class Types(ServerCase):
    def test_by_name_and_by_bytes(self):
        cases = (
            ("a.html", "<p>caf\u00e9", "text/html; charset=utf-8"),
            ("b.html", b"<p>caf\xe9", "text/html"),
            ("c.html", b"<meta charset=windows-1251><p>", "text/html"),
            ("a.xml", b"<?xml version='1.0' encoding='koi8-r'?><r/>", "application/xml"),
            ("a.txt", "x".encode("utf-16"), "text/plain"),
            ("a.json", b"{}", "application/json"),
            ("A.WASM", b"\0asm", "application/wasm"),
            ("README", b"read me", "text/plain; charset=utf-8"),
            ("program", b"\x7fELF\2\0\0", "application/octet-stream"),
            ("a.log", b"GET /", "text/x-log; charset=utf-8"),
            ("a.tar.gz", b"\x1f\x8b", "application/x-tgz"),
            ("a.old", "caf\u00e9", "text/html; charset=iso-8859-1"))
        for name, content, _ in cases:
            self.put(name, content)
        server = self.serve("--mime", "log=text/x-log", "--mime", "TAR.GZ=application/x-tgz",
                            "--mime", "old=text/html; charset=iso-8859-1")
        with server.connect() as client:
            for name, _, expected in cases:
                self.assertEqual(expected, client.ask("/" + name)["Content-Type"], name)
            answer = client.ask("/b.html", fields=["Range: bytes=0-0"])
            self.assertEqual((206, "text/html"), (answer.status, answer["Content-Type"]))

    def test_of_files_that_stay_on_the_disk(self):
        self.put("a.txt", "caf\u00e9")
        self.put("b.txt", b"caf\xe9")
        self.put("README", b"read me")
        with self.serve("--memory-budget", "0").connect() as client:
            for name, expected in (("a.txt", "text/plain; charset=utf-8"), ("b.txt", "text/plain"),
                                   ("README", "text/plain; charset=utf-8")):
                self.eventually(lambda: client.ask("/" + name)["Content-Type"] == expected,
                                what=f"the type of {name}")

    def test_a_type_that_is_none(self):
        for value in ("html", "=text/html", "html=text", "html=text/html;", "html=a b/c",
                      "html=text/html\r\nX: y"):
            code, lines = refused(self.root, "--mime", value)
            self.assertEqual((2, 1), (code, len(lines)), (value, lines))


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
        # A quarter of a second, and time for a busy machine; on Windows a scan may find it.
        self.assertLess(time.monotonic() - begin, 4 if WINDOWS else 1)
        self.put("new/page.html", b"second, longer")
        self.eventually(lambda: self.get("/new/page.html").body == b"second, longer", what="an edit")
        os.rename(self.root + "/new", self.root + "/moved")
        self.eventually(lambda: self.get("/new/page.html").status == 404, what="a removal")
        self.eventually(lambda: self.get("/moved/page.html").status == 200, what="a move")
        self.put("moved/page.html", PLAIN)
        self.put("moved/page.html.gz", CODED["gz"])
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
            # A range of 20 MB across the 4 GiB boundary; the connection stays in sync.
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
