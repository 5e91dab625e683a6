"""Files that change while they are sent. Whatever an editor does, a download with the promised length
is exactly one version; otherwise the server aborts its connection."""

import contextlib
import os
import random
import threading
import time

from harness import (UNIT_STORM, WINDOWS, Client, Closed, ServerCase, linux_only, main,
                     on_each_backend, sanitizer)

# Seconds between edits: some edits are seen. On Windows, where a scan takes longer, the editor waits
# until each is seen.
PACE = 0.5 if WINDOWS or sanitizer() == "tsan" else 0.05
SECONDS = 2


def version(number, size):
    """Content of `size` bytes in which every eight bytes name the version and its size."""
    return (number.to_bytes(4, "big") + size.to_bytes(4, "big")) * (size // 8)


class Storm(ServerCase):
    """Subclasses say how large the file is and where its bytes are held."""

    sizes = ()
    arguments = ()

    def size(self, number):
        return self.sizes[number % len(self.sizes)]

    def run_storm(self, edit, between=lambda _: None):
        """`between` gives the file's content between the two system calls of an edit: the disk has
        this version while the editor is not scheduled."""
        path = os.path.join(self.root, "file.bin")
        with open(path, "wb") as file:
            file.write(version(0, self.sizes[0]))
        self.put("steady.html", b"steady")
        server = self.serve(*self.arguments)
        stop = threading.Event()
        wrong, whole, aborted, seen = [], [], [], set()

        def read(slow, seed):
            pause = random.Random(seed)
            while not stop.is_set():
                try:
                    with Client(server.addresses[0], timeout=20,
                                receive_buffer=16 * 1024 if slow else None) as client:
                        client.send("GET /file.bin HTTP/1.1\r\nHost: a\r\n\r\n")
                        head = client.read_head()
                        if head.status == 404:
                            continue
                        body = bytearray(client.buffer)
                        length = int(head["Content-Length"])
                        while len(body) < length:
                            if slow and pause.random() < 0.1:
                                time.sleep(0.01)
                            part = client.socket.recv(1 << 16)
                            if not part:
                                raise Closed("end")
                            body += part
                except (Closed, ConnectionError):
                    aborted.append(1)
                    time.sleep(PACE / 50)
                    continue
                except (OSError, ValueError) as error:
                    wrong.append(repr(error))
                    continue
                number = int.from_bytes(body[:4], "big")
                seen.add(number)
                whole.append(1)
                if body != version(number, length) and body != between(number):
                    at = next(i for i in range(0, length, 8) if body[i:i + 8] != body[:8])
                    wrong.append(f"version {number} of {length} bytes becomes {bytes(body[at:at + 8])!r}"
                                 f" at {at}")
                elif head["ETag"] is None:
                    wrong.append("no ETag")

        readers = [threading.Thread(target=read, args=(i % 2 == 1, i)) for i in range(6)]
        for reader in readers:
            reader.start()
        number = 0

        def shown():
            return number in seen and len(whole) > 3

        if WINDOWS:
            self.eventually(shown, 20, "the first version")
        # On a busy machine a download takes longer, and is not cut because of its age.
        end = time.monotonic() + SECONDS
        while time.monotonic() < (end if len(seen) > 1 and len(whole) > 3 else end + 10 * SECONDS):
            time.sleep(PACE)
            number += 1
            edit(path, version(number, self.size(number)))
            if WINDOWS:
                self.eventually(shown, 20, f"version {number}")
        stop.set()
        for reader in readers:
            reader.join(30)
            self.assertFalse(reader.is_alive())
        self.assertEqual([], wrong[:5], f"{len(wrong)} of {len(whole)} downloads")
        # After the storm the last version is served.
        final = version(number, self.size(number))
        def is_final():
            with contextlib.suppress(Closed), server.connect() as client:
                return client.ask("/file.bin").body == final

        self.eventually(is_final, what="the last version")
        with server.connect() as client:
            self.assertEqual(b"steady", client.ask("/steady.html").body)
        self.assertGreater(len(whole), 3, f"{len(aborted)} aborted")
        self.assertGreater(len(seen), 1)

    def test_edited_in_place(self):
        def edit(path, content):
            with open(path, "r+b", buffering=0) as file:
                file.write(content)
                file.truncate(len(content))

        def not_yet_truncated(number):
            old = version(number - 1, self.size(number - 1)) if number > 0 else b""
            return version(number, self.size(number)) + old[self.size(number):]

        self.run_storm(edit, not_yet_truncated)

    def test_truncated_and_written(self):
        def edit(path, content):
            with open(path, "wb", buffering=0) as file:
                file.write(content)

        self.run_storm(edit)

    def test_replaced(self):
        def edit(path, content):
            with open(path + ".new", "wb") as file:
                file.write(content)
            os.replace(path + ".new", path)

        self.run_storm(edit)

    def test_removed_and_made_again(self):
        def edit(path, content):
            os.unlink(path)
            time.sleep(0.01)
            with open(path + ".new", "wb") as file:
                file.write(content)
            os.replace(path + ".new", path)

        self.run_storm(edit)


@on_each_backend
@linux_only(UNIT_STORM)
class Small(Storm):
    sizes = (64 * 1024,)


@on_each_backend
@linux_only(UNIT_STORM)
class SmallOfManySizes(Storm):
    sizes = (40_000, 8_000, 80_000)


@on_each_backend
class Large(Storm):
    """Larger than the memory budget: sent from the file."""

    sizes = (8_000_000, 5_000_000)
    arguments = ("--memory-budget", "1m")


@on_each_backend
class Truncated(ServerCase):
    def test_a_file_that_shrinks_under_a_download(self):
        for budget in ("64m", "1m"):
            content = version(1, 20_000_000)
            path = self.put("file.bin", content)
            server = self.serve("--memory-budget", budget)
            with server.connect(receive_buffer=4096) as client:
                client.send("GET /file.bin HTTP/1.1\r\nHost: a\r\n\r\n")
                client.read_head()
                os.truncate(path, 1000)
                got = client.take(len(content))
            # A private copy is sent whole; the live file as far as it is unchanged.
            self.assertEqual(content[:len(got)], got)

            def short():
                with contextlib.suppress(Closed), server.connect() as client:
                    return len(client.ask("/file.bin").body) == 1000

            self.eventually(short, what="the new size")


if __name__ == "__main__":
    main()
