"""Runs inside a private user and network namespace (unshare -rn): captures its loopback while our
server answers curl and raw sockets. Arguments: binary, site, capture file to write."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time

from waiting import until

BINARY, SITE, OUTPUT = sys.argv[1:4]
PORT = 8080
HOST = ("127.0.0.1", PORT)


def curl(*arguments):
    subprocess.run(["curl", "-s", "--max-time", "10", "-o", os.devnull, *arguments], check=False,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def raw(sends, wait=0.15, shutdown=False, reset=False, buffer=None):
    client = socket.socket()
    client.settimeout(5)
    if buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.connect(HOST)
    for data in sends:
        client.sendall(data)
        time.sleep(wait)
    if shutdown:
        client.shutdown(socket.SHUT_WR)
        time.sleep(wait * 3)
        while client.recv(1000):
            pass
    if reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def talk():
    url = f"http://127.0.0.1:{PORT}"
    curl(url + "/", "-o", os.devnull, url + "/static/computer-network.jpg")  # kept alive
    curl("-g", f"http://[::1]:{PORT}/")
    curl("-0", url + "/nope")
    curl("-I", url + "/")
    curl("-r", "0-99", url + "/")
    curl("-X", "DELETE", url + "/")
    curl("-H", "Expect: 100-continue", "-d", "x" * 2000, url + "/")
    curl("-H", "Transfer-Encoding: chunked", "-d", "y" * 3000, url + "/")
    curl("http://127.0.0.1:9/")  # nobody listens
    get = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    raw([get * 3])  # pipelined
    raw([get[:9], get[9:20], get[20:]])  # in several segments
    raw([])  # silent
    raw([get], reset=True)
    raw([b"GET /static/computer-network.jpg HTTP/1.1\r\nHost: h\r\n\r\n"], shutdown=True,
        buffer=2048)  # half-closed, and a window that closes


def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    tap = subprocess.Popen(["dumpcap", "-q", "-i", "lo", "-w", OUTPUT], stdin=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
    until(lambda: os.path.exists(OUTPUT) and os.path.getsize(OUTPUT) > 0, "the capture's start")
    server = subprocess.Popen([BINARY, "serve", SITE, "--listen", str(PORT), "--workers", "1"],
                              stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def up():
        with socket.socket() as probe:
            return probe.connect_ex(HOST) == 0

    until(up, "the server's start")
    talk()
    server.send_signal(signal.SIGTERM)
    server.wait(20)
    time.sleep(0.5)
    tap.send_signal(signal.SIGTERM)
    tap.wait(20)


main()
