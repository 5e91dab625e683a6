"""Symbolic links in usual layouts, and the bounds of a scan: a tree below the root that keeps the scan
busy does not stop the server's other work."""

import os
import shutil
import threading
import unittest

from harness import Server, ServerCase, linux_only, main, on_each_backend, sanitizer


class LinksCase(ServerCase):
    def ask(self, server, path):
        with server.connect() as client:
            return client.ask(path)

    def becomes(self, server, path, body):
        self.eventually(lambda: self.ask(server, path).body == body, 15, f"{path} being {body}")

    def relink(self, target, name):
        os.symlink(target, os.path.join(self.root, "..new"))
        os.rename(os.path.join(self.root, "..new"), os.path.join(self.root, name))

    def multiply(self, name, levels):
        """Directories, each with two links to the next."""
        for i in range(levels):
            os.makedirs(os.path.join(self.root, name, f"d{i}"))
        self.put(f"{name}/d{levels - 1}/end", "end")
        for i in range(levels - 1):
            for link in "ab":
                os.symlink(f"../d{i + 1}", os.path.join(self.root, name, f"d{i}", link))


@on_each_backend
@linux_only("links are for POSIX")
class Links(LinksCase):
    def test_a_volume_is_updated_while_it_is_asked_for(self):
        """Like the kubelet: a new directory, one rename, and the old directory is removed."""
        def update(version):
            for name in "page.html", "sub/page.html", "large":
                body = f"{version}".encode() * (100_000 if name == "large" else 1)
                self.put(f"..v{version}/{name}", body)
            self.relink(f"..v{version}", "..data")

        update(0)
        for name in "page.html", "sub", "large":
            os.symlink(f"..data/{name}", os.path.join(self.root, name))
        server = self.serve()
        end, wrong, asked = threading.Event(), [], []

        def client(path):
            with server.connect() as connection:
                while not end.is_set():
                    answer = connection.ask(path)
                    asked.append(path)
                    if answer.status != 200 or len(set(answer.body)) != 1:
                        wrong.append((path, answer.status, answer.body[:20]))

        clients = [threading.Thread(target=client, args=(path,))
                   for path in ("/page.html", "/sub/page.html", "/large")]
        for one in clients:
            one.start()
        try:
            for version in range(1, 9):
                update(version)
                shutil.rmtree(os.path.join(self.root, f"..v{version - 1}"))
                self.becomes(server, "/page.html", f"{version}".encode())
        finally:
            end.set()
            for one in clients:
                one.join()
        self.assertEqual([], wrong[:5])
        self.assertGreater(len(asked), 100)
        self.becomes(server, "/sub/page.html", b"8")
        self.assertEqual(404, self.ask(server, "/..data/page.html").status)

    def test_links_out_of_the_root(self):
        self.put("page.html", "outside", os.path.join(self.work, "elsewhere"))
        self.put("elsewhere/.git/config", "secret", self.work)
        os.symlink("../elsewhere", os.path.join(self.root, "site"))
        os.symlink("../elsewhere/page.html", os.path.join(self.root, "page.html"))
        server = self.serve()
        self.assertEqual(404, self.ask(server, "/site/page.html").status)
        self.assertEqual(1, server.stderr.count("--follow-symlinks"), server.stderr)
        self.assertIn("the link '/page.html' and 1 more lead out of the root", server.stderr)
        server = self.serve("--follow-symlinks")
        self.assertNotIn("out of the root", server.stderr)
        self.becomes(server, "/site/page.html", b"outside")
        self.assertEqual(404, self.ask(server, "/site/.git/config").status)
        self.put("page.html", "edited", os.path.join(self.work, "elsewhere"))
        self.becomes(server, "/site/page.html", b"edited")
        self.becomes(server, "/page.html", b"edited")


@on_each_backend
@linux_only("links are for POSIX")
class Bounds(LinksCase):
    def test_links_that_multiply_in_a_server_at_work(self):
        server = self.serve()
        self.multiply("bomb", 40)
        self.put("new", "new")
        self.becomes(server, "/new", b"new")
        self.becomes(server, "/bomb/d39/end", b"end")
        self.eventually(lambda: "again and again" in server.stderr, 30, "the bound being told")
        self.put("new", "newer")
        self.becomes(server, "/new", b"newer")
        self.check_memory(server)
        self.stop(server)
        server = self.serve()
        self.becomes(server, "/bomb/d38/a/end", b"end")
        self.check_memory(server)

    def test_the_whole_system_is_a_root_and_a_signal_is_heard_meanwhile(self):
        server = Server("/", backend=self.backend)
        self.addCleanup(self.stop, server)
        self.eventually(lambda: server.addresses or "looking through '/'" in server.stderr, 60)
        if server.addresses:
            self.assertIn("'/proc'", server.stderr)
        server.signal()
        self.assertEqual(0, server.wait(5), server.stderr)

    def check_memory(self, server):
        with open(f"/proc/{server.pid}/status", encoding="ascii") as status:
            resident = next(line for line in status if line.startswith("VmRSS"))
        if not sanitizer():
            self.assertLess(int(resident.split()[1]), 100_000, "kB")


if __name__ == "__main__":
    main()
