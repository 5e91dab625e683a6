"""The servers that are measured: how each is started with the same duties as the others, and what it
cost. One worker each, pinned to one CPU; unbounded keep-alive; sendfile and the open-file cache on;
the same access log or none. Standard library only; Linux only."""

import os
import signal
import socket
import subprocess
import tempfile
import time

SERVER_CPU = 0
GENERATOR_CPU = 1


def pin(cpu):
    """For a child, before it becomes another program."""

    def apply():
        os.sched_setaffinity(0, {cpu})

    return apply


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def process_tree(pid):
    """The process and its descendants."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as stat:
                    parent = int(stat.read().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(name))
    tree, todo = [], [pid]
    while todo:
        at = todo.pop()
        tree.append(at)
        todo += children.get(at, [])
    return tree


class Server:
    """A server that can be started, asked for its costs, and stopped."""

    name = "?"

    def __init__(self, root, work, log=None, **options):
        self.root, self.work, self.log, self.options = root, work, log, options
        self.port = free_port()
        self.process = None
        self.etag = None

    def command(self):
        raise NotImplementedError

    def start(self, wait=True):
        self.errors = tempfile.TemporaryFile(dir=self.work)
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL,
                                        stdout=self.errors, stderr=self.errors,
                                        preexec_fn=pin(SERVER_CPU))
        if wait:
            self.wait_ready(20)
        return self

    def wait_ready(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                self.errors.seek(0)
                text = self.errors.read().decode(errors="replace").strip()
                raise RuntimeError(f"{self.name} ended at once: {text[-400:]}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.0005)
                continue
            return
        raise RuntimeError(f"{self.name} does not listen")

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            for pid in process_tree(self.process.pid):
                os.kill(pid, signal.SIGKILL)
            self.process.wait()
        self.process = None
        self.errors.close()

    def cpu_ns(self):
        """CPU time of every thread, from the scheduler's own clock: ticks are too coarse here."""
        total = 0
        for pid in process_tree(self.process.pid):
            for task in os.listdir(f"/proc/{pid}/task"):
                try:
                    with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as stat:
                        total += int(stat.read().split()[0])
                except FileNotFoundError:
                    pass  # a kernel worker that went away between the listing and now
        return total

    def resident_bytes(self):
        total = 0
        for pid in process_tree(self.process.pid):
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
                for line in status:
                    if line.startswith("VmRSS:"):
                        total += int(line.split()[1]) * 1024
        return total

    def write_config(self, text):
        path = os.path.join(self.work, f"{self.name.replace(' ', '-')}-{self.port}.conf")
        with open(path, "w", encoding="utf-8") as config:
            config.write(text)
        return path


class Sluice(Server):
    def __init__(self, binary, backend, root, work, log=None, **options):
        super().__init__(root, work, log, **options)
        self.binary, self.backend, self.name = binary, backend, f"sluice {backend}"

    def command(self):
        line = [self.binary, "serve", self.root, "--listen", f"127.0.0.1:{self.port}",
                "--backend", self.backend, "--workers", "1", *self.options.get("arguments", ())]
        if self.log:
            line += ["--access-log", self.log, "--log-format", "combined"]
        return line


class Floor(Server):
    """A null server of bench/floor: the root means nothing to it, its options everything."""

    def __init__(self, binary, name, root, work, log=None, **options):
        super().__init__(root, work, log, **options)
        self.binary, self.name = binary, name

    def command(self):
        return [self.binary, "--port", str(self.port), *self.options.get("arguments", ())]


class Nginx(Server):
    name = "nginx"

    def command(self):
        log = f"access_log {self.log} combined" if self.log else "access_log off"
        temporary = "".join(f"{kind}_temp_path {self.work}/nginx-{kind}; "
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root;" if os.getuid() == 0 else ""
        return ["nginx", "-p", self.work, "-e", "stderr", "-c", self.write_config(f"""
daemon off; {user} worker_processes 1; pid {self.work}/nginx-{self.port}.pid;
error_log stderr crit; worker_rlimit_nofile 65536;
events {{ worker_connections 20000; }}
http {{
  include /etc/nginx/mime.types; charset utf-8; {temporary}
  {log}; sendfile on; tcp_nopush on; tcp_nodelay on;
  keepalive_requests 1000000000; keepalive_timeout 300s;
  open_file_cache max=200000 inactive=1h; open_file_cache_valid 60s; open_file_cache_errors on;
  server {{ listen 127.0.0.1:{self.port} backlog=4096; root "{self.root}"; index index.html; }}
}}
""")]


class Lighttpd(Server):
    name = "lighttpd"

    def command(self):
        log = f'accesslog.filename = "{self.log}"' if self.log else ""
        modules = '"mod_accesslog"' if self.log else ""
        # 65535 is as unbounded as its keep-alive gets.
        return ["lighttpd", "-D", "-f", self.write_config(f"""
server.modules = ( {modules} )
server.document-root = "{self.root}"
server.port = {self.port}
server.bind = "127.0.0.1"
server.max-connections = 16384
server.max-fds = 40000
server.max-keep-alive-requests = 65535
server.max-keep-alive-idle = 300
server.stat-cache-engine = "inotify"
index-file.names = ( "index.html" )
mimetype.assign = ( ".html" => "text/html; charset=utf-8", ".jpg" => "image/jpeg",
                    "" => "application/octet-stream" )
{log}
""")]


class H2o(Server):
    name = "h2o"

    def command(self):
        log = f"access-log: {self.log}" if self.log else ""
        user = "user: root" if os.getuid() == 0 else ""
        return ["h2o", "-m", "worker", "-c", self.write_config(f"""
listen:
  host: 127.0.0.1
  port: {self.port}
{user}
num-threads: 1
max-connections: 20000
http1-request-timeout: 300
{log}
hosts:
  default:
    paths:
      "/":
        file.dir: "{self.root}"
        file.index: [ 'index.html' ]
""")]


PEERS = {"nginx": Nginx, "lighttpd": Lighttpd, "h2o": H2o}
