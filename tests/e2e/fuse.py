"""A file system in user space that shows a directory and stops answering on command, like a network
file system whose server is gone. It implements the kernel's protocol itself (linux/fuse.h), read-only.
It lets the kernel cache nothing, so every access sends a request."""

import contextlib
import ctypes
import errno
import os
import select
import stat
import struct
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 4096, 16384, 1 << 18, 2

LOOKUP, FORGET, GETATTR, READLINK, OPEN, READ, STATFS, RELEASE = 1, 2, 3, 5, 14, 15, 17, 18
INIT, OPENDIR, READDIR, RELEASEDIR, INTERRUPT, BATCH_FORGET = 26, 27, 28, 29, 36, 42


def mount(source, at, kind=None, flags=0, data=None):
    encode = [None if text is None else text.encode() for text in (source, at, kind, data)]
    if LIBC.mount(encode[0], encode[1], encode[2], ctypes.c_ulong(flags), encode[3]) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), at)


def unmount(at, flags=MNT_DETACH):
    if LIBC.umount2(at.encode(), flags) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), at)


def private_mounts():
    """Gives this thread and its children a private mount namespace. False where that is forbidden."""
    if LIBC.unshare(CLONE_NEWNS) != 0:
        return False
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    return True


class Fuse:
    def __init__(self, shown, at, hanging=False):
        self.shown, self.at = shown, at
        self.paths, self.nodes = {1: ""}, {"": 1}
        self.answering = threading.Event()
        self.read_seconds = 0  # that each read takes; nothing else is answered meanwhile
        self.ready, self.dead = False, False
        if not hanging:
            self.answering.set()
        self.device = os.open("/dev/fuse", os.O_RDWR)
        mount("shown", at, "fuse.shown",
              data=f"fd={self.device},rootmode=40000,user_id=0,group_id=0,allow_other")
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def hang(self):
        self.answering.clear()

    def answer(self):
        self.answering.set()

    def die(self):
        """Behaves like a killed process: requests get an error."""
        self.dead = True
        self.answering.set()
        self.thread.join(5)

    def end(self):
        with contextlib.suppress(OSError):
            unmount(self.at)
        self.answering.set()
        self.thread.join(1)

    def _serve(self):
        # A request that was read but not answered keeps the requester from ending, whatever it does.
        # So while it does not answer it reads none, like a stopped process.
        os.set_blocking(self.device, False)
        ready = select.poll()
        ready.register(self.device, select.POLLIN)
        while True:
            ready.poll(100)
            if self.ready and not self.dead:
                self.answering.wait()
            try:
                request = b"" if self.dead else os.read(self.device, 1 << 18)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                    continue
                request = b""
            if not request:
                os.close(self.device)
                return
            _, code, unique, node = struct.unpack_from("<IIQQ", request)
            if code in (FORGET, BATCH_FORGET, INTERRUPT):
                continue
            try:
                reply, status = self._reply(code, node, request[40:]), 0
            except OSError as error:
                reply, status = b"", -(error.errno or errno.EIO)
            self.ready = self.ready or code == INIT
            try:
                os.write(self.device, struct.pack("<IiQ", 16 + len(reply), status, unique) + reply)
            except OSError:
                pass  # the requester has gone

    def _reply(self, code, node, body):
        if code == INIT:
            return struct.pack("<IIIIHHIIHHI28x", 7, 31, 1 << 17, 0, 12, 9, 1 << 17, 1, 32, 0, 0)
        if code == LOOKUP:
            path = os.path.join(self.paths[node], os.fsdecode(body.rstrip(b"\0")))
            attributes = self._attributes(path)
            found = self.nodes.setdefault(path, len(self.nodes) + 1)
            self.paths[found] = path
            return struct.pack("<QQQQII", found, 0, 0, 0, 0, 0) + attributes
        if code == GETATTR:
            return struct.pack("<QII", 0, 0, 0) + self._attributes(self.paths[node])
        if code == READLINK:
            return os.fsencode(os.readlink(os.path.join(self.shown, self.paths[node])))
        if code in (OPEN, OPENDIR):
            return struct.pack("<QII", 0, 0, 0)
        if code == READ:
            time.sleep(self.read_seconds)
            _, offset, size = struct.unpack_from("<QQI", body)
            with open(os.path.join(self.shown, self.paths[node]), "rb") as file:
                return os.pread(file.fileno(), size, offset)
        if code == READDIR:
            _, offset, size = struct.unpack_from("<QQI", body)
            return self._listing(self.paths[node], offset, size)
        if code == STATFS:
            return struct.pack("<QQQQQIIII24x", 1, 1, 1, 1, 1, 4096, 255, 4096, 0)
        if code in (RELEASE, RELEASEDIR):
            return b""
        # Like most file systems, it does not implement FLUSH, so the kernel asks once. Otherwise a
        # process with open files could not end before each FLUSH has its answer.
        raise OSError(errno.ENOSYS, "")

    def _attributes(self, path):
        at = os.lstat(os.path.join(self.shown, path))
        times = [at.st_mtime_ns, at.st_mtime_ns, at.st_ctime_ns]
        return struct.pack("<QQQQQQIIIIIIIIII", at.st_ino, at.st_size, 1,
                           *(time // 10**9 for time in times), *(time % 10**9 for time in times),
                           at.st_mode, 1, 0, 0, 0, 4096, 0)

    def _listing(self, path, offset, size):
        out = b""
        where = os.path.join(self.shown, path)
        for index, name in enumerate(sorted(os.listdir(where))):
            if index < offset:
                continue
            raw = os.fsencode(name)
            mode = os.lstat(os.path.join(where, name)).st_mode
            entry = struct.pack("<QQII", 1, index + 1, len(raw), stat.S_IFMT(mode) >> 12) + raw
            entry += b"\0" * (-len(entry) % 8)
            if len(out) + len(entry) > size:
                break
            out += entry
        return out
