"""How a process's memory limit bounds what is kept in memory. Where a memory cgroup can be made, the
server runs in a small one; the kernel kills a process that does not fit."""

import os
import re
import sys
import unittest

from harness import BACKENDS, ServerCase, main, on_each_backend, sanitizer

# A sanitizer needs memory in addition.
LIMIT = (512 if sanitizer() else 64) << 20
ROOTS = (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max"))


def make_cgroup(size):
    """A cgroup of this size; None where none can be made."""
    for parent, limit in ROOTS:
        group = os.path.join(parent, f"sluice-test-{os.getpid()}")
        try:
            os.mkdir(group)
        except OSError:
            continue
        try:
            with open(os.path.join(group, limit), "w", encoding="ascii") as out:
                out.write(str(size))
            return group
        except OSError:
            os.rmdir(group)
    return None


class Group:
    """For a child, before it becomes the server: moves it into the cgroup."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self):
        with open(os.path.join(self.folder, "cgroup.procs"), "w", encoding="ascii") as out:
            out.write("0")


class CgroupCase(ServerCase):
    limit = LIMIT

    def setUp(self):
        super().setUp()
        folder = make_cgroup(self.limit)
        self.assertIsNotNone(folder)
        self.addCleanup(os.rmdir, folder)  # after the server has ended
        self.enter = Group(folder)


class InACgroup(CgroupCase):
    def test_more_content_than_memory(self):
        size = LIMIT // 12
        for number in range(30):
            self.put(f"file{number}.bin", os.urandom(1 << 16) * (size >> 16))
        server = self.serve(preexec=self.enter)
        with server.connect() as client:
            for number in range(0, 30, 5):
                length = int(client.ask(f"/file{number}.bin", "HEAD")["Content-Length"])
                self.assertEqual(length, len(client.ask(f"/file{number}.bin").body))
        self.assertNotIn("memory-budget", server.stderr)

    def test_a_budget_beyond_it_is_warned_of(self):
        self.put("index.html", b"hi")
        server = self.serve("--memory-budget", "1G", preexec=self.enter)
        self.assertRegex(server.stderr, re.escape("--memory-budget 1G is more than the memory cgroup")
                         + rf".*{LIMIT} bytes")
        with server.connect() as client:
            self.assertEqual(b"hi", client.ask("/").body)


class MoreFilesThanMemory(CgroupCase):
    limit = 32 << 20

    def test_as_many_as_fit(self):
        count = self.limit // 2 // 900
        for number in range(count):
            self.put(f"{number // 1000}/{number}")
        server = self.serve(preexec=self.enter)
        with server.connect() as client:
            statuses = [client.ask(f"/{number // 1000}/{number}").status
                        for number in range(0, count, 100)]
        self.assertEqual({200, 404}, set(statuses))
        self.assertGreater(statuses.count(200), statuses.count(404))
        self.assertIn("the rest is not served (raise the memory limit", server.stderr)
        self.assertIn("--memory-budget has no room for any content", server.stderr)


@on_each_backend
class Anywhere(ServerCase):
    def test_a_budget_beyond_the_machine_is_warned_of(self):
        self.put("index.html", b"hi")
        server = self.serve("--memory-budget", "1000000G")
        self.assertRegex(server.stderr, "--memory-budget 1000000G is more than")
        with server.connect() as client:
            self.assertEqual(b"hi", client.ask("/").body)


GROUP = make_cgroup(LIMIT)
if GROUP is None:
    print("no memory cgroup can be made here: what happens in one is not tested", file=sys.stderr)
else:
    os.rmdir(GROUP)
    on_each_backend(InACgroup)
    if not sanitizer():  # it would need too many files
        FILES = type("Files", (MoreFilesThanMemory, unittest.TestCase), {"backend": BACKENDS[0]})


if __name__ == "__main__":
    main()
