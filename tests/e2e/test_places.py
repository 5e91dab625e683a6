"""Every place below the root is watched by a method that works there: mounted directories and files,
file systems that do not report changes, a system that has run out of watches. Needs root, for private
mounts."""

import glob
import os
import re
import subprocess
import sys
import time

import fuse
from harness import Closed, ServerCase, limit_descriptors, main, on_each_backend

MOUNTS = fuse.private_mounts()
FUSE = MOUNTS and os.access("/dev/fuse", os.R_OK | os.W_OK)
IMAGES = MOUNTS and bool(glob.glob("/dev/loop[0-9]*"))


def where(possible, lacks):
    """on_each_backend, or a message about the tests that are skipped here."""
    def decide(case):
        if possible:
            return on_each_backend(case)
        print(f"{case.__name__} is not tested: this machine has no {lacks}", file=sys.stderr)
        return case
    return decide


class PlacesCase(ServerCase):
    def mount(self, source, at, *arguments, **options):
        fuse.mount(source, at, *arguments, **options)
        self.addCleanup(self.unmount, at)

    @staticmethod
    def unmount(at):
        try:
            fuse.unmount(at)
        except OSError:
            pass  # the test has unmounted it

    def show(self, shown, at, **options):
        shown = self.directory(shown, self.work)
        file_system = fuse.Fuse(shown, self.directory(at), **options)
        self.addCleanup(file_system.end)
        return shown, file_system

    def directory(self, name, above=None):
        path = os.path.join(above or self.root, name)
        os.makedirs(path, exist_ok=True)
        return path

    def ask(self, server, path):
        with server.connect() as client:
            return client.ask(path)

    def becomes(self, server, path, body):
        """Waits until the path is answered with this body, or with 404 if it is None."""
        def holds():
            try:
                answer = self.ask(server, path)
            except Closed:
                return False  # it changed while it was sent
            return answer.status == 404 if body is None else answer.body == body
        self.eventually(holds, 15, f"{path} being {body}")


@where(MOUNTS, "mounts of our own for us")
class Mounts(PlacesCase):
    def test_a_mount_appears_and_vanishes(self):
        self.put("d/index.html", "below")
        self.put("d/only", "below")
        above = self.directory("above", self.work)
        self.put("index.html", "above", above)
        server = self.serve()
        self.mount(above, os.path.join(self.root, "d"), flags=fuse.MS_BIND)
        self.becomes(server, "/d/", b"above")
        self.becomes(server, "/d/only", None)
        self.put("new", "told of", above)
        self.becomes(server, "/d/new", b"told of")
        fuse.unmount(os.path.join(self.root, "d"))
        self.becomes(server, "/d/", b"below")
        self.becomes(server, "/d/only", b"below")
        self.becomes(server, "/d/new", None)
        self.put("d/only", "and watched")
        self.becomes(server, "/d/only", b"and watched")

    def test_a_file_that_is_mounted_is_edited_on_the_other_side(self):
        outside = self.put("page.html", "one", self.work)
        self.mount(outside, self.put("page.html", "below"), flags=fuse.MS_BIND)
        server = self.serve()
        self.becomes(server, "/page.html", b"one")
        self.put("page.html", "two, edited", self.work)
        self.becomes(server, "/page.html", b"two, edited")

    def test_without_an_inotify_instance(self):
        self.put("x", "one")
        script = "echo 0 >/proc/sys/user/max_inotify_instances && exec \"$@\""
        server = self.serve(wrapper=("unshare", "--user", "--map-root-user", "sh", "-c", script, "sh"))
        self.assertEqual(1, server.stderr.count("no inotify instance left"), server.stderr)
        self.put("x", "two")
        self.becomes(server, "/x", b"two")
        self.put("new", "new")
        self.becomes(server, "/new", b"new")


@where(IMAGES, "loop devices for us")
class Images(PlacesCase):
    def test_an_image_is_exchanged_for_one_that_looks_the_same(self):
        """Images that are built with clamped times differ only in the bytes."""
        at, image = self.directory("d"), os.path.join(self.work, "image")
        self.put("x", "build one", self.directory("source", self.work))
        subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext2", "-d", os.path.join(self.work, "source"), image, "1m"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.unmount, at)
        server = None
        looks = set()
        for build in b"build one", b"build two", b"build six":
            with open(image, "rb") as file:
                bytes_of_it = file.read()
            with open(image, "wb") as file:
                file.write(re.sub(b"build (one|two)", build, bytes_of_it))
            if server:
                fuse.unmount(at, 0)
            subprocess.run(["mount", "-o", "loop,ro", image, at], check=True)
            facts = os.stat(os.path.join(at, "x"))
            looks.add((facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns))
            server = server or self.serve()
            self.becomes(server, "/d/x", build)
        self.assertEqual(1, len(looks), looks)


@where(FUSE, "/dev/fuse for us")
class Untold(PlacesCase):
    def test_it_is_looked_through_while_the_rest_is_told_of(self):
        shown, _ = self.show("shown", "far")
        self.put("x", "one", shown)
        self.put("sub/deep/index.html", "deep", shown)
        self.put("large", b"l" * 300_000, shown)
        self.put("near", "one")
        server = self.serve()
        self.assertEqual(1, server.stderr.count("/far are looked for every 2 seconds"), server.stderr)
        self.becomes(server, "/far/x", b"one")
        self.becomes(server, "/far/sub/deep/", b"deep")
        self.becomes(server, "/far/large", b"l" * 300_000)
        self.put("x", "two", shown)
        self.put("sub/new", "new", shown)
        self.put("large", b"m" * 300_000, shown)
        self.becomes(server, "/far/x", b"two")
        self.becomes(server, "/far/sub/new", b"new")
        self.becomes(server, "/far/large", b"m" * 300_000)
        os.remove(os.path.join(shown, "sub/new"))
        self.becomes(server, "/far/sub/new", None)
        self.put("near", "two")
        self.becomes(server, "/near", b"two")
        self.assertEqual(1, server.stderr.count("every 2 seconds"), server.stderr)

    def test_links_into_it(self):
        shown, _ = self.show("shown", "far")
        self.put("sub/index.html", "one", shown)
        self.put("sub/x", "one", shown)
        os.symlink("sub/x", os.path.join(shown, "inside"))
        os.symlink("/etc/hostname", os.path.join(shown, "outside"))
        os.symlink("..", os.path.join(shown, "sub/loop"))
        os.symlink("far/./sub/", os.path.join(self.root, "directory"))
        os.symlink("directory", os.path.join(self.root, "again"))
        os.symlink("again/x", os.path.join(self.root, "file"))
        server = self.serve()
        for path in "/directory/", "/again/", "/file", "/far/inside":
            self.becomes(server, path, b"one")
        for path in "/far/outside", "/far/sub/loop/sub/":
            self.assertEqual(404, self.ask(server, path).status, path)
        self.put("sub/index.html", "two", shown)
        self.put("sub/x", "two", shown)
        self.put("sub/new", "new", shown)
        for path in "/directory/", "/again/", "/file", "/far/inside":
            self.becomes(server, path, b"two")
        self.becomes(server, "/again/new", b"new")

    def test_what_is_beyond_the_memory_budget_is_sent_from_there(self):
        shown, _ = self.show("shown", "far")
        for i in range(20):
            self.put(f"{i}", f"{i}" * 150_000, shown)
        server = self.serve("--memory-budget", "1m", preexec=limit_descriptors(64))
        for path in range(20):
            self.becomes(server, f"/far/{path}", f"{path}".encode() * 150_000)
        self.put("3", b"x" * 150_001, shown)
        self.becomes(server, "/far/3", b"x" * 150_001)

    def test_a_slow_read_holds_its_own_connection_only(self):
        """Three seconds for each read, in which the file system answers nothing else, either."""
        shown, file_system = self.show("shown", "far")
        body = os.urandom(400_000)
        self.put("x", "one", shown)
        self.put("large", body, shown)
        self.put("near", "near")
        server = self.serve("--memory-budget", "1m")
        self.becomes(server, "/far/x", b"one")
        self.assertEqual(200, self.ask(server, "/near").status)
        file_system.read_seconds = 3
        waits = []
        with server.connect(timeout=60) as slow, server.connect() as other:
            slow.send("GET /far/large HTTP/1.1\r\nHost: a\r\n\r\n")
            begin = time.monotonic()
            while time.monotonic() - begin < 8:
                asked = time.monotonic()
                self.assertEqual(b"near", other.ask("/near").body)
                waits.append(time.monotonic() - asked)
                time.sleep(0.002)
            self.assertEqual(body, slow.read().body)
            self.assertGreater(time.monotonic() - begin, 8, "it was not slow")
        waits.sort()
        self.assertLess(waits[len(waits) * 99 // 100], 0.01, waits[-20:])

    def test_a_file_alone(self):
        shown = self.directory("shown", self.work)
        outside = self.put("page.html", "one", shown)
        _, file_system = self.show("shown", "../mounted")
        self.mount(os.path.join(self.work, "mounted/page.html"), self.put("page.html", "below"),
                   flags=fuse.MS_BIND)
        server = self.serve()
        self.becomes(server, "/page.html", b"one")
        with open(outside, "w", encoding="ascii") as file:
            file.write("two, edited")
        self.becomes(server, "/page.html", b"two, edited")
        file_system.hang()
        self.put("near", "near")
        self.becomes(server, "/near", b"near")


@where(FUSE, "/dev/fuse for us")
class Hanging(PlacesCase):
    SAID = "the file system at /far does not answer"

    def lives(self, server, number=iter(range(100))):
        """The server sees changes elsewhere."""
        name = f"near{next(number)}"
        self.put(name, name)
        self.becomes(server, "/" + name, name.encode())

    def ends(self, server):
        begin = time.monotonic()
        server.signal()
        self.assertEqual(0, server.wait(), server.stderr)
        self.assertNotIn("a thread does not end", server.stderr)
        self.assertLess(time.monotonic() - begin, 8)

    def test_what_was_served_stays(self):
        shown, file_system = self.show("shown", "far")
        self.put("sub/x", "one", shown)
        self.put("large", b"l" * 300_000, shown)
        server = self.serve()
        self.becomes(server, "/far/sub/x", b"one")
        file_system.hang()
        self.put("sub/x", "two", shown)
        self.eventually(lambda: self.SAID in server.stderr, 15, "a line")
        self.lives(server)
        self.assertEqual(b"one", self.ask(server, "/far/sub/x").body)
        self.assertEqual(b"l" * 300_000, self.ask(server, "/far/large").body)
        file_system.answer()
        self.becomes(server, "/far/sub/x", b"two")
        self.eventually(lambda: "/far answers again" in server.stderr, 15, "a line")
        self.assertEqual(1, server.stderr.count(self.SAID), server.stderr)

    def test_the_end_does_not_wait_for_it(self):
        shown, file_system = self.show("shown", "far")
        self.put("x", "one", shown)
        self.put("large", b"l" * 3_000_000, shown)
        # LeakSanitizer stops all threads at the end, and waits for those that a file system blocks.
        server = self.serve("--memory-budget", "1m", environment={"ASAN_OPTIONS": "detect_leaks=0"})
        self.becomes(server, "/far/large", b"l" * 3_000_000)
        file_system.hang()
        self.eventually(lambda: self.SAID in server.stderr, 15, "a line")
        self.lives(server)
        self.ends(server)

    def test_one_that_never_answered(self):
        self.put("d/covered", "covered")
        shown, file_system = self.show("shown", "far", hanging=True)
        os.symlink("far/x", os.path.join(self.root, "link"))
        self.put("x", "one", shown)
        server = self.serve()
        self.lives(server)
        other, later = self.show("other", "d", hanging=True)  # mounted over a served directory
        self.put("covered", "new", other)
        self.eventually(lambda: self.SAID in server.stderr and "/d does not answer" in server.stderr,
                        15, "a line of each")
        self.lives(server)
        self.assertEqual(404, self.ask(server, "/far/x").status)
        self.assertEqual(b"covered", self.ask(server, "/d/covered").body)
        file_system.answer()
        self.becomes(server, "/far/x", b"one")
        self.becomes(server, "/link", b"one")
        self.assertEqual(b"covered", self.ask(server, "/d/covered").body)
        later.answer()
        self.becomes(server, "/d/covered", b"new")
        later.hang()
        fuse.unmount(os.path.join(self.root, "d"))
        self.becomes(server, "/d/covered", b"covered")
        self.lives(server)
        self.ends(server)

    def test_it_dies(self):
        shown, file_system = self.show("shown", "far")
        self.put("x", "one", shown)
        server = self.serve()
        self.becomes(server, "/far/x", b"one")
        file_system.die()
        self.eventually(lambda: "cannot be read" in server.stderr, 15, "a line")
        self.assertEqual(b"one", self.ask(server, "/far/x").body)
        self.lives(server)


if __name__ == "__main__":
    main()
