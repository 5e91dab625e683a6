"""Addresses: IPv6, every interface, Unix sockets, several at once."""

import contextlib
import os
import socket
import stat
import subprocess

from harness import (SECCOMP, UNIX_SOCKETS, WINDOWS, Server, ServerCase, forbid_ipv6, linux_only,
                     main, on_each_backend)


@on_each_backend
class Listen(ServerCase):
    def setUp(self):
        super().setUp()
        self.put("index.html", b"page")

    def one_of_each_family(self):
        path = os.path.join(self.work, "sluice.sock")
        return ["127.0.0.1:0", "[::1]:0"] + ([] if WINDOWS else [f"unix:{path}"])

    def check(self, server, address):
        with server.connect(address) as client:
            self.assertEqual(b"page", client.ask("/").body)

    def test_ipv6(self):
        server = self.serve(listen=["[::1]:0"])
        self.assertEqual("::1", server.addresses[0][0])
        self.check(server, server.addresses[0])
        run = subprocess.run(["curl", "-gsS", "--max-time", "10", f"http://[::1]:{server.port}/"],
                             stdout=subprocess.PIPE, check=True)
        self.assertEqual(b"page", run.stdout)

    def test_every_address(self):
        for text in (":0", "0"):
            server = self.serve(listen=[text])
            self.check(server, ("127.0.0.1", server.port))
            self.check(server, ("::1", server.port))

    @linux_only(SECCOMP)
    def test_every_address_of_a_system_without_ipv6(self):
        for workers in (1, 2):
            server = self.serve(listen=["0"], workers=workers, preexec=forbid_ipv6())
            self.assertEqual("127.0.0.1", server.addresses[0][0])
            self.assertEqual(f"sluice: this system has no IPv6: port {server.port} listens on IPv4 "
                             "addresses only", server.lines[0])
            for _ in range(5):
                self.check(server, ("127.0.0.1", server.port))
            taken = str(server.port)
            self.assertIn("in use", self.refusal(taken, workers))
            for explicit in ("[::1]:0", "[::]:0"):
                self.assertIn("not supported", self.refusal(explicit, workers))

    def refusal(self, address, workers):
        server = Server(self.root, listen=[address], backend=self.backend, workers=workers,
                        preexec=forbid_ipv6())
        self.assertEqual(1, server.wait())
        return server.stderr

    @linux_only(UNIX_SOCKETS)
    def test_unix(self):
        path = os.path.join(self.work, "sluice.sock")
        server = self.serve(listen=[f"unix:{path}"])
        self.assertEqual([path], server.addresses)
        self.assertTrue(stat.S_ISSOCK(os.stat(path).st_mode))
        self.check(server, path)
        run = subprocess.run(["curl", "-sS", "--max-time", "10", "--unix-socket", path,
                              "http://localhost/"], stdout=subprocess.PIPE, check=True)
        self.assertEqual(b"page", run.stdout)
        self.stop(server)
        self.assertFalse(os.path.exists(path))

    @linux_only(UNIX_SOCKETS)
    def test_a_socket_file_left_by_a_killed_server(self):
        path = os.path.join(self.work, "sluice.sock")
        server = self.serve(listen=[f"unix:{path}"], check=False)
        server.kill()
        self.assertTrue(os.path.exists(path))
        self.check(self.serve(listen=[f"unix:{path}"]), path)

    def wakes(self, server):
        """How often each worker has waited."""
        found = {}
        for task in os.listdir(f"/proc/{server.pid}/task"):
            with open(f"/proc/{server.pid}/task/{task}/status", encoding="ascii") as file:
                lines = dict(line.split(":", 1) for line in file)
            name = lines["Name"].strip()
            if name.startswith("worker-"):
                found[name] = int(lines["voluntary_ctxt_switches"])
        return found

    @linux_only(UNIX_SOCKETS)
    def test_every_worker_serves_a_unix_socket(self):
        path = os.path.join(self.work, "sluice.sock")
        server = self.serve(listen=[f"unix:{path}"], workers=2)
        with contextlib.ExitStack() as stack:
            clients = []
            for _ in range(200):
                clients.append(stack.enter_context(server.connect(path)))
                self.assertEqual(b"page", clients[-1].ask("/").body)
            before = self.wakes(server)
            # A worker that has none of the connections sleeps meanwhile.
            for client in clients:
                self.assertEqual(b"page", client.ask("/").body)
            served = {name: count - before[name] for name, count in self.wakes(server).items()}
        self.assertEqual({"worker-0", "worker-1"}, set(served))
        self.assertGreater(min(served.values()), 20, served)
        self.stop(server)
        self.assertFalse(os.path.exists(path))

    @linux_only(UNIX_SOCKETS)
    def test_a_path_that_is_no_socket_is_left_alone(self):
        path = self.put("precious", b"precious", root=self.work)
        server = Server(self.root, listen=[f"unix:{path}"], backend=self.backend)
        self.assertEqual(1, server.wait())
        with open(path, "rb") as file:
            self.assertEqual(b"precious", file.read())

    @linux_only(UNIX_SOCKETS)
    def test_a_socket_in_use_is_left_alone(self):
        path = os.path.join(self.work, "sluice.sock")
        first = self.serve(listen=[f"unix:{path}"])
        second = Server(self.root, listen=[f"unix:{path}"], backend=self.backend)
        self.assertEqual(1, second.wait())
        self.check(first, path)

    def test_several(self):
        listen = [*self.one_of_each_family(), "127.0.0.1:0"]
        server = self.serve(listen=listen, workers=2)
        self.assertEqual(len(listen), len(server.addresses))
        for address in server.addresses:
            for _ in range(20):
                self.check(server, address)

    def test_one_bad_address_of_several_stops_the_start(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = f"127.0.0.1:{other.getsockname()[1]}"
            server = Server(self.root, listen=["127.0.0.1:0", taken], backend=self.backend)
            self.assertEqual(1, server.wait())
            self.assertIn(taken, server.stderr)

    def test_the_log_names_the_peer(self):
        log = os.path.join(self.work, "log")
        server = self.serve("--access-log", log, listen=self.one_of_each_family())
        for address in server.addresses:
            self.check(server, address)
        self.stop(server)
        with open(log, encoding="utf-8") as lines:
            peers = {line.split(" ")[0] for line in lines}
        self.assertEqual({"127.0.0.1", "::1"} | (set() if WINDOWS else {"unix:"}), peers)


if __name__ == "__main__":
    main()
