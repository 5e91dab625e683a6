"""Third-party servers and clients on a private loopback (unshare -rn): nginx and lighttpd answer curl
and wrk, over IPv4 and IPv6, in HTTP/1.0 and 1.1. Arguments: site, work directory, capture file to
write."""

import os
import signal
import socket
import subprocess
import sys
import time

from waiting import until

SITE, WORK, OUTPUT = sys.argv[1:4]
NGINX, LIGHTTPD = 8081, 8082
URLS = [f"http://127.0.0.1:{NGINX}", f"http://[::1]:{NGINX}", f"http://127.0.0.1:{LIGHTTPD}"]


def start(*words):
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def write(name, text):
    path = os.path.join(WORK, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def nginx():
    paths = "".join(f"{kind}_temp_path {WORK}/{kind};" for kind in
                    ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    return start("nginx", "-e", f"{WORK}/error", "-c", write("nginx.conf", f"""
daemon off; user root; pid {WORK}/pid; worker_processes 1; error_log {WORK}/error;
events {{ worker_connections 64; }}
http {{ access_log off; {paths} gzip on; gzip_types *; gzip_min_length 1; lingering_time 1s;
  types {{ text/html html; image/jpeg jpg; }}
  server {{ listen 127.0.0.1:{NGINX}; listen [::1]:{NGINX}; root "{SITE}"; }} }}
"""))


def lighttpd():
    return start("lighttpd", "-D", "-f", write("lighttpd.conf", f"""
server.document-root = "{SITE}"
server.bind = "127.0.0.1"
server.port = {LIGHTTPD}
index-file.names = ("index.html")
mimetype.assign = (".html" => "text/html", ".jpg" => "image/jpeg")
"""))


def curl(*words):
    subprocess.run(["curl", "-s", "-g", "--max-time", "10", "-o", os.devnull, *words],
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)


def talk():
    for url in URLS:
        curl(url + "/", "-o", os.devnull, url + "/static/computer-network.jpg")
        curl("--compressed", url + "/")  # nginx: chunked
        curl("-0", url + "/")
        curl("-0", "-H", "Connection: keep-alive", url + "/")
        curl("-I", url + "/")
        curl("-r", "10-19", url + "/")
        curl(url + "/static")  # moved
        curl("-X", "POST", "-d", "a=b", url + "/")
        curl("-H", "Host:", url + "/")
    # More frames than the capture keeps.
    subprocess.run(["wrk", "-t1", "-c4", "-d1s", URLS[0] + "/favicon.svg"], check=True, timeout=20,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    servers = [nginx(), lighttpd()]
    for port in (NGINX, LIGHTTPD):
        until(lambda at=port: answers(at), f"the start of the server on {port}")
    tap = start("dumpcap", "-q", "-i", "lo", "-c", "6000", "-w", OUTPUT)
    until(lambda: os.path.exists(OUTPUT) and os.path.getsize(OUTPUT) > 0, "the capture's start")
    talk()
    time.sleep(0.3)
    if tap.poll() is None:
        tap.send_signal(signal.SIGTERM)
    tap.wait(20)
    for server in servers:
        server.send_signal(signal.SIGTERM)
        server.wait(20)


main()
