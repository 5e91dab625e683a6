"""Two network namespaces, each with a TAP device, and a relay between them that delays, drops,
duplicates and reorders frames. Runs inside a private user and network namespace (unshare -rn; as
root, unshare -n). Captures at the client's device.
Arguments: binary, site, capture file to write.

In the order of its connections: downloads over a bad line, a simultaneous open that ends in a
simultaneous close."""

import ctypes
import fcntl
import heapq
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from waiting import until

BINARY, SITE, OUTPUT = sys.argv[1:4]
CLIENT, SERVER = "10.9.0.1", "10.9.0.2"
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000


def command(*words):
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


class Side:
    """A namespace, held by a sleeping process, with a TAP device whose other end this process has."""

    def __init__(self, name, address, mac, peer, peer_mac):
        self.tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 100"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.holder.stdout.read(1)
        command("ip", "link", "set", name, "address", mac, "netns", str(self.holder.pid))
        for words in (["link", "set", "lo", "up"], ["addr", "add", address + "/24", "dev", name],
                      ["link", "set", name, "up"],
                      ["neigh", "add", peer, "lladdr", peer_mac, "dev", name]):
            command(*self.inside("ip", *words))

    def inside(self, *words):
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *words]

    def run(self, function):
        """Runs it in a child, inside the namespace. Returns the child's process id."""
        child = os.fork()
        if child:
            return child
        code = 1
        try:
            space = os.open(f"/proc/{self.holder.pid}/ns/net", os.O_RDONLY)
            if LIBC.setns(space, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            function()
            code = 0
        finally:
            os._exit(code)

    def close(self):
        self.holder.kill()
        self.holder.wait()


class Relay(threading.Thread):
    def __init__(self, ends, seed):
        super().__init__(daemon=True)
        self.ends, self.rng = ends, random.Random(seed)
        self.delay, self.bad, self.stopped = 0.001, 0.0, False
        self.counts = {"lost": 0, "doubled": 0, "late": 0}

    def run(self):
        waiting, order = [], 0
        while not self.stopped:
            pause = 0.05 if not waiting else max(0, min(0.05, waiting[0][0] - time.monotonic()))
            for end in select.select(self.ends, [], [], pause)[0]:
                frame = os.read(end, 65536)
                other = self.ends[1 - self.ends.index(end)]
                for extra in self.fate(frame):
                    order += 1
                    heapq.heappush(waiting, (time.monotonic() + self.delay + extra, order, other,
                                             frame))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, other, frame = heapq.heappop(waiting)
                os.write(other, frame)

    def fate(self, frame):
        """How much later than usual each copy arrives."""
        if frame[12:14] != b"\x08\x00" or self.rng.random() >= self.bad:
            return [0]
        what = self.rng.choice(list(self.counts))
        self.counts[what] += 1
        return {"lost": [], "doubled": [0, 0.0005], "late": [0.004]}[what]


def downloads():
    for _ in range(6):
        subprocess.run(["curl", "-s", "--max-time", "20", "-o", os.devnull,
                        f"http://{SERVER}:8080/static/computer-network.jpg",
                        "-o", os.devnull, f"http://{SERVER}:8080/"],
                       stdin=subprocess.DEVNULL, check=True)


def both_at_once(mine, other, start):
    def function():
        with socket.socket() as both:
            both.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            both.settimeout(5)
            both.bind(mine)
            time.sleep(max(0, start - time.time()))
            both.connect(other)
            both.sendall(b"from " + mine[0].encode())
            both.recv(100)
            time.sleep(max(0, start + 0.6 - time.time()))
    return function


def wait(*children):
    for child in children:
        if os.waitpid(child, 0)[1] != 0:
            raise SystemExit("a side failed")


def main():
    macs = "02:00:00:00:00:01", "02:00:00:00:00:02"
    client = Side("client", CLIENT, macs[0], SERVER, macs[1])
    server = Side("server", SERVER, macs[1], CLIENT, macs[0])
    relay = Relay([client.tap, server.tap], 7)
    relay.start()
    tap = subprocess.Popen(client.inside("dumpcap", "-q", "-i", "client", "-w", OUTPUT),
                           stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: os.path.exists(OUTPUT) and os.path.getsize(OUTPUT) > 0, "the capture's start")
    web = subprocess.Popen(server.inside(BINARY, "serve", SITE, "--listen", "0.0.0.0:8080",
                                         "--workers", "1", "--no-pin"),
                           stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    web.stderr.readline()
    relay.bad = 0.12
    wait(client.run(downloads))
    relay.bad, relay.delay = 0.0, 0.06  # long enough for both to have sent before they hear
    start = time.time() + 0.3
    wait(client.run(both_at_once((CLIENT, 5000), (SERVER, 6000), start)),
         server.run(both_at_once((SERVER, 6000), (CLIENT, 5000), start)))
    time.sleep(0.4)
    web.send_signal(signal.SIGTERM)
    web.wait(20)
    tap.send_signal(signal.SIGTERM)
    tap.wait(20)
    relay.stopped = True
    relay.join()
    client.close()
    server.close()
    if min(relay.counts.values()) < 3:
        raise SystemExit(f"the line was too good: {relay.counts}")


main()
