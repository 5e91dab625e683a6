"""The memory that many clients need at once, in the program and in the kernel, and its release."""

import contextlib
import re
import time

from harness import FIGURES, ServerCase, linux_only, main, on_each_backend, sanitizer


@on_each_backend
@linux_only(FIGURES)
class Memory(ServerCase):
    def connections(self, server, count, **options):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        return [stack.enter_context(server.connect(**options)) for _ in range(count)]

    def resident(self, server):
        """Resident memory in bytes."""
        with open(f"/proc/{server.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) * 1024

    def unacknowledged(self, server):
        """Unacknowledged bytes that the kernel holds for this server's clients."""
        total = 0
        with open("/proc/net/tcp", encoding="ascii") as table:
            for line in table.readlines()[1:]:
                _, local, _, state, queues = line.split()[:5]
                if state == "01" and int(local.split(":")[1], 16) == server.port:
                    total += int(queues.split(":")[0], 16)
        return total

    def test_after_a_storm_memory_goes_back(self):
        """All clients have sent half a head at the same time: each needs a session and a buffer."""
        count = 500 if sanitizer() else 2000
        self.put("index.html", b"page")
        server = self.serve()
        with server.connect() as client:
            client.ask("/")
        before = self.resident(server)
        clients = self.connections(server, count)
        for client in clients:
            client.send("GET / HTTP/1.1\r\n")

        def all_begun():
            return sanitizer() or self.resident(server) - before > count * 6 * 1024

        self.eventually(all_begun, what="the storm")
        for client in clients:
            client.send("Host: a\r\n\r\n")
        for client in clients:
            self.assertEqual(b"page", client.read().body)
        # The connections stay and need very little; sanitizers keep all memory once touched.
        kept = count * 300 + 4_000_000
        self.eventually(lambda: sanitizer() or self.resident(server) - before < kept, 15,
                        "the return of the memory")
        for client in clients:
            self.assertEqual(b"page", client.ask("/").body)

    def test_the_kernel_holds_little_for_slow_readers(self):
        count = 100
        size = 10_000_000
        self.put("big.bin", b"\x07" * size)
        server = self.serve()
        clients = self.connections(server, count, receive_buffer=16 * 1024)
        for client in clients:
            client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        for client in clients:
            self.assertEqual(200, client.read_head().status)
        held = -1
        while held != (held := self.unacknowledged(server)):
            time.sleep(0.3)
        self.assertGreater(held, count * 16 * 1024)
        self.assertLess(held, count * 400 * 1024)
        # Sending resumes as soon as they read.
        self.assertEqual(size, len(clients[0].take(size)))


if __name__ == "__main__":
    main()
