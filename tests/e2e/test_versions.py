"""Files that are too large for memory, while they are sent and while they change: a download is whole
as long as its bytes exist, none mixes two versions, validators tell versions apart and nothing else,
and a file that grows is seen growing."""

import contextlib
import email.utils
import os
import shutil
import threading
import time

from harness import FIGURES, WINDOWS, Closed, ServerCase, linux_only, main, on_each_backend

SIZE = 16_000_001  # more than the sockets of both ends hold, so that a part is sent by reference
BUDGET = ("--memory-budget", "64k")


def content(seed):
    return bytes([seed]) + os.urandom(1_000_000) * (SIZE // 1_000_000)


class LargeFileCase(ServerCase):
    def setUp(self):
        super().setUp()
        self.old, self.new = content(1), content(2)

    def start(self, *arguments):
        self.server = self.serve(*(arguments or BUDGET))
        self.client = self.server.connect(timeout=20)
        self.addCleanup(self.client.close)

    def etag(self, name="file.bin"):
        return self.client.ask("/" + name, method="HEAD")["ETag"]

    def strong_etag(self, name="file.bin", seconds=20):
        def is_strong():
            tag = self.etag(name)
            return tag and not tag.startswith("W/") and tag
        return self.eventually(is_strong, seconds, what=f"a strong tag of {name}")

    def wait_for(self, data):
        """Waits until these bytes are served with a strong tag. Before, answers may be cut."""
        def there():
            with contextlib.suppress(Closed), self.server.connect(timeout=20) as client:
                answer = client.ask("/file.bin", fields=["Range: bytes=0-0"])
                return (answer.body == data[:1] and not answer["ETag"].startswith("W/")
                        and answer["Content-Range"] == f"bytes 0-0/{len(data)}")
            return False
        self.eventually(there, 20, what="the file with its strong tag")

    def download(self, action, name="file.bin", at=2_000_000):
        """The body, or its beginning, of a slow download during which `action` runs."""
        with self.server.connect(timeout=20, receive_buffer=64 * 1024) as client:
            client.send(f"GET /{name} HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = client.read_head()
            self.assertEqual(200, head.status)
            body = client.take(at)
            action()
            return body + client.take(int(head["Content-Length"]) - len(body))


@on_each_backend
class Downloads(LargeFileCase):
    def rewrite(self, path, data, times=None):
        before = os.stat(path)
        with open(path, "r+b") as out:
            out.write(data)
        if times:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def replace(self, path, data):
        with open(self.work + "/incoming", "wb") as out:
            out.write(data)
        os.replace(self.work + "/incoming", path)

    def append(self, path):
        with open(path, "ab") as out:
            out.write(b"more")

    def test_what_changes_no_byte_cuts_nothing(self):
        actions = {
            "replaced": lambda path: self.replace(path, self.new),
            "replaced by the same bytes": lambda path: self.replace(path, self.old),
            "unlinked": os.unlink,
            "moved": lambda path: os.rename(path, path + ".moved"),
            "touched": os.utime,
            "appended to": self.append,
        }
        if not WINDOWS:
            actions |= {
                "permissions": lambda path: os.chmod(path, 0o604),
                "linked": lambda path: os.link(path, self.work + "/link"),
                "attribute": lambda path: os.setxattr(path, "user.a", b"b"),
            }
            if os.geteuid() == 0:
                actions["owner"] = lambda path: os.chown(path, 65534, 65534)
        path = self.put("file.bin", self.old)
        self.start()
        for what, action in actions.items():
            if not os.path.exists(path) or os.path.getsize(path) != SIZE:
                self.replace(path, self.old)
            else:
                self.rewrite(path, self.old)
            self.wait_for(self.old)
            try:
                got = self.download(lambda: action(path))
            except OSError as error:  # a file system without attributes
                self.assertEqual("attribute", what, error)
                continue
            self.assertEqual(SIZE, len(got), what)
            self.assertTrue(got == self.old, f"{what}: other bytes")

    def test_a_rewrite_in_place_is_never_taken_for_the_whole(self):
        path = self.put("file.bin", self.old)
        self.start()
        for what, times, more in (("rewritten", False, b""), ("with its old times", True, b""),
                                  ("rewritten and longer", False, b"more")):
            for at in (2_000_000, SIZE - 5_000_000):
                if os.path.getsize(path) != SIZE:
                    os.truncate(path, SIZE)
                self.rewrite(path, self.old)
                self.wait_for(self.old)
                got = self.download(lambda: self.rewrite(path, self.new + more, times), at=at)
                if len(got) == SIZE:
                    self.assertTrue(got == self.old, f"{what} at {at}: a body of two versions")
                else:
                    self.assertTrue(self.old.startswith(got[:at]), what)
                self.wait_for(self.new + more)


@on_each_backend
class Validators(LargeFileCase):
    def test_equal_bytes_have_equal_tags(self):
        path = self.put("file.bin", self.old)
        shutil.copy2(path, self.root + "/copy.bin")
        os.chmod(self.root + "/copy.bin", 0o640)
        self.start()
        tag = self.strong_etag()
        self.assertEqual(tag, self.strong_etag("copy.bin"))
        if not WINDOWS:
            os.link(path, self.work + "/link")
        os.utime(path, (1_600_000_000, 1_600_000_000))
        self.eventually(lambda: "2020" in self.client.ask("/file.bin", method="HEAD")["Last-Modified"],
                        what="the new time")
        self.assertEqual(tag, self.strong_etag())
        # Another build with the same size and, like reproducible builds, the same time.
        other = self.put("other.bin", self.new)
        os.utime(other, (1_600_000_000, 1_600_000_000))
        self.eventually(lambda: self.etag("other.bin"), what="the other file")
        self.assertNotEqual(tag, self.strong_etag("other.bin"))
        # The tag does not depend on where the bytes are held.
        with self.serve("--memory-budget", "256m").connect(timeout=20) as client:
            self.assertEqual(tag, client.ask("/file.bin", method="HEAD")["ETag"])

    def test_a_download_resumes_after_a_deploy_of_the_same_bytes(self):
        path = self.put("file.bin", self.old)
        self.start()
        tag = self.strong_etag()
        first = self.client.ask("/file.bin", fields=["Range: bytes=0-9999999"]).body
        shutil.copyfile(path, self.work + "/incoming")
        os.utime(self.work + "/incoming", (1_600_000_000, 1_600_000_000))
        os.replace(self.work + "/incoming", path)
        self.eventually(lambda: "2020" in self.client.ask("/file.bin", method="HEAD")["Last-Modified"],
                        what="the new file")
        self.strong_etag()
        rest = self.client.ask("/file.bin", fields=["Range: bytes=10000000-", f"If-Range: {tag}"])
        self.assertEqual(206, rest.status)
        self.assertTrue(first + rest.body == self.old)
        os.replace(self.put("new", self.new, root=self.work), path)
        self.eventually(lambda: self.etag() != tag, what="other bytes")
        answer = self.client.ask("/file.bin", fields=["Range: bytes=10000000-", f"If-Range: {tag}"])
        self.assertEqual(200, answer.status)

    def test_last_modified_is_never_later_than_the_date(self):
        ahead = time.time() + 3600
        for name, data in (("small.txt", b"small"), ("file.bin", self.old)):
            os.utime(self.put(name, data), (ahead, ahead))
        self.start()
        for name in ("small.txt", "file.bin"):
            for fields in ([], ["Range: bytes=0-3"]):
                answer = self.client.ask("/" + name, fields=fields)
                date, modified = (email.utils.parsedate_to_datetime(answer[field])
                                  for field in ("Date", "Last-Modified"))
                self.assertLessEqual(modified, date)


@on_each_backend
class Growth(ServerCase):
    def strong(self, client, path):
        self.eventually(lambda: not client.ask(path, method="HEAD")["ETag"].startswith("W/"), 20,
                        what="a strong tag")

    @linux_only(FIGURES)
    def test_a_log_is_seen_at_most_a_quarter_of_a_second_old(self):
        for name, budget in (("live.log", "0"), ("kept.log", "64m")):
            path = self.put(name, b"x" * 1_000_000 + b"\n")
            server = self.serve("--memory-budget", budget)
            with server.connect(timeout=10) as client:
                self.strong(client, "/" + name)
            stop = threading.Event()

            def write():
                with open(path, "ab", buffering=0) as log:
                    while not stop.is_set():
                        log.write(b"%.6f\n" % time.monotonic())
                        time.sleep(0.002)

            writer = threading.Thread(target=write)
            writer.start()
            ages, tag = [], None
            try:
                with server.connect(timeout=10) as client:
                    end = time.monotonic() + 2.5
                    while time.monotonic() < end:
                        asked = time.monotonic()
                        answer = client.ask("/" + name, fields=["Range: bytes=-18"])
                        line = answer.body.strip().split(b"\n")[-1]
                        if asked > end - 1.5 and b"x" not in line:
                            ages.append(asked - float(line))
                            tag = answer["ETag"]
                        time.sleep(0.01)
            finally:
                stop.set()
                writer.join()
            ages.sort()
            # The median age, because the machine may be busy.
            self.assertLess(ages[len(ages) // 2], 0.25, f"{name}: {ages}")
            self.assertTrue(tag.startswith("W/"), tag)
            with server.connect(timeout=10) as client:
                self.strong(client, "/" + name)  # once it no longer changes

    def test_a_download_of_a_file_that_grows_is_whole(self):
        path = self.put("file.bin", os.urandom(20_000_000))
        server = self.serve(*BUDGET)
        with server.connect(timeout=20) as client:
            self.strong(client, "/file.bin")
        stop = threading.Event()

        def write():
            # Fast, but not faster than the loader hashes on a busy machine (docs/decisions.md).
            with open(path, "ab", buffering=0) as out:
                while not stop.is_set():
                    out.write(os.urandom(10_000))
                    time.sleep(0.001)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(3):
                with server.connect(timeout=20) as client:
                    answer = client.ask("/file.bin")
                with open(path, "rb") as file:
                    self.assertTrue(answer.body == file.read(len(answer.body)))
        finally:
            stop.set()
            writer.join()


if __name__ == "__main__":
    main()
