"""Ways to deploy a site: each makes the served root show version A or B, and names its commands. Both
versions have the same file names, except for a few files that are in one version only."""

import ctypes
import functools
import os
import shutil
import subprocess

FILES = ["index.html", "style.css", "docs/index.html", "docs/guide.html", "docs/deep/er/page.html",
         "assets/app.js", "assets/logo.svg", "assets/large.bin", "news/1.html", "news/2.html"]
SIZES = [300, 2_000, 5_000, 12_000, 800, 40_000, 1_000, 300_000, 17_000, 64]
ONLY = {"A": "news/only-in-a.html", "B": "news/only-in-b.html"}
NAMES = FILES + list(ONLY.values())


@functools.cache
def content(version, name):
    """Every eight bytes name version, file and offset."""
    number = NAMES.index(name)
    size = SIZES[number % len(SIZES)] + (160 if version == "B" else 0)
    return b"".join(b"%s%02d%05d" % (version.encode(), number, word) for word in range(size // 8))


@functools.cache
def whole(name):
    return {content(version, name) for version in ONLY}


def torn(name, body):
    """Whether an in-place writer can leave this state: a prefix of the new version, then the rest of
    the old one, or nothing."""
    versions = sorted(whole(name))
    for new, old in (versions, versions[::-1]):
        same = next((at for at in range(0, len(body), 8) if body[at:at + 8] != new[at:at + 8]),
                    len(body))
        if body[same:] == old[same:len(body)]:
            return True
    return False


def make_version(version, where):
    for name in FILES + [ONLY[version]]:
        path = os.path.join(where, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(content(version, name))


def run(*command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def exchange(one, other):
    at_cwd, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    if ctypes.CDLL(None, use_errno=True).renameat2(at_cwd, one.encode(), at_cwd, other.encode(),
                                                   swap) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def point(link, target):
    os.symlink(target, link + ".new")
    os.replace(link + ".new", link)


class Way:
    """`root` is served; `where` is the path below it that is requested. A way that tears leaves partly
    written files on disk. `gap`: the commands remove files before they make them again."""

    title, commands, where, tears, gap = "", "", "", False, False

    def __init__(self, work):
        self.work = work
        self.root = os.path.join(work, "www")
        self.sources = {}
        for version in ONLY:
            self.sources[version] = os.path.join(work, "source", version)
            make_version(version, self.sources[version])
        self.start()

    def start(self):
        shutil.copytree(self.sources["A"], self.root)

    def deploy(self, version):
        raise NotImplementedError


class RenameFiles(Way):
    title = "every file renamed over the old one"
    commands = "`cp new/F .F && mv .F F`"

    def deploy(self, version):
        for name in FILES + [ONLY[version]]:
            target = os.path.join(self.root, name)
            waiting = os.path.join(os.path.dirname(target), ".waiting")
            shutil.copyfile(os.path.join(self.sources[version], name), waiting)
            os.replace(waiting, target)
        for other in set(ONLY) - {version}:
            if os.path.exists(os.path.join(self.root, ONLY[other])):
                os.unlink(os.path.join(self.root, ONLY[other]))


class Rsync(Way):
    title = "rsync"
    commands = "`rsync -a --delete new/ root/`"
    options = ()

    def deploy(self, version):
        run("rsync", "-a", "--delete", "--ignore-times", *self.options,
            self.sources[version] + "/", self.root + "/")


class RsyncDelayed(Rsync):
    title = "rsync, all files at the end"
    commands = "`rsync -a --delete-delay --delay-updates new/ root/`"
    options = ("--delete-delay", "--delay-updates")


class RsyncInPlace(Rsync):
    title = "rsync in place"
    commands = "`rsync -a --delete --inplace new/ root/`"
    options = ("--inplace",)
    tears = True


class Copy(Way):
    title = "written over in place"
    commands = "`cp -r new/. root/`"
    tears = True

    def deploy(self, version):
        run("cp", "-r", self.sources[version] + "/.", self.root)


class Links(Way):
    """The releases are below the root: a link that leads out of it is not followed."""

    def start(self):
        os.mkdir(self.root)
        for version in ONLY:
            shutil.copytree(self.sources[version], os.path.join(self.root, "releases", version))
        self.link("A")

    def link(self, version):
        raise NotImplementedError

    def deploy(self, version):
        self.link(version)


class LinkFiles(Links):
    title = "links of files switched"
    commands = "`ln -s releases/B/F .F && mv -T .F F`"
    where = "site"

    def link(self, version):
        for name in FILES + [ONLY[version]]:
            target = os.path.join(self.root, "site", name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            up = "../" * (name.count("/") + 1)
            point(target, f"{up}releases/{version}/{name}")


class LinkDirectory(Links):
    title = "link of a directory switched"
    commands = "`ln -s releases/B .new && mv -T .new site`"
    where = "site"

    def link(self, version):
        point(os.path.join(self.root, "site"), f"releases/{version}")


class LinkRoot(Way):
    title = "link of the root switched"
    commands = "`ln -s B .new && mv -T .new root`"

    def start(self):
        self.deploy("A")

    def deploy(self, version):
        point(self.root, self.sources[version])


class LinkRootAndRemove(Way):
    title = "link of the root switched, the old release removed"
    commands = "`cp -r new N && ln -s N .new && mv -T .new root && rm -rf N-1`"
    number = 0

    def start(self):
        self.deploy("A")

    def deploy(self, version):
        old = os.path.join(self.work, f"release{self.number}")
        self.number += 1
        new = os.path.join(self.work, f"release{self.number}")
        shutil.copytree(self.sources[version], new)
        point(self.root, new)
        shutil.rmtree(old, ignore_errors=True)


class MoveRoot(Way):
    title = "root moved away, the new one moved in"
    commands = "`mv root old && mv new root && rm -rf old`"

    def deploy(self, version):
        new, old = os.path.join(self.work, "new"), os.path.join(self.work, "old")
        shutil.copytree(self.sources[version], new)
        os.rename(self.root, old)
        os.rename(new, self.root)
        shutil.rmtree(old)


class ExchangeRoot(Way):
    title = "root exchanged"
    commands = "`mv --exchange new root`"

    def start(self):
        super().start()
        self.other = os.path.join(self.work, "other")
        shutil.copytree(self.sources["B"], self.other)
        self.shown = "A"

    def deploy(self, version):
        if version != self.shown:
            exchange(self.root, self.other)
            self.shown = version


class RebuildRoot(Way):
    title = "root removed and built again"
    commands = "`rm -rf root && cp -r new root`"
    tears = gap = True

    def deploy(self, version):
        shutil.rmtree(self.root)
        run("cp", "-r", self.sources[version], self.root)


class MoveDirectory(Way):
    title = "directory moved away, the new one moved in"
    commands = "`mv d old && mv new d && rm -rf old`"
    where = "d"
    gap = True

    def start(self):
        os.mkdir(self.root)
        shutil.copytree(self.sources["A"], os.path.join(self.root, "d"))

    def deploy(self, version):
        new, old = os.path.join(self.root, ".new"), os.path.join(self.root, ".old")
        shutil.copytree(self.sources[version], new)
        os.rename(os.path.join(self.root, "d"), old)
        os.rename(new, os.path.join(self.root, "d"))
        shutil.rmtree(old)


class ExchangeDirectory(MoveDirectory):
    title = "directory exchanged, the old one removed"
    commands = "`mv --exchange .new d && rm -rf .new`"
    gap = False

    def deploy(self, version):
        new = os.path.join(self.root, ".new")
        shutil.copytree(self.sources[version], new)
        exchange(new, os.path.join(self.root, "d"))
        shutil.rmtree(new)


class Rebuild(Way):
    title = "everything removed and built again"
    commands = "`rm -rf root/* && cp -r new/. root/`"
    tears = gap = True

    def deploy(self, version):
        for name in os.listdir(self.root):
            path = os.path.join(self.root, name)
            (shutil.rmtree if os.path.isdir(path) else os.unlink)(path)
        run("cp", "-r", self.sources[version] + "/.", self.root)


class Git(Way):
    title = "git checkout"
    commands = "`git checkout B`"
    tears = gap = True

    def start(self):
        os.mkdir(self.root)
        self.git("init", "--quiet")
        for version in ONLY:
            self.git("checkout", "--quiet", "--orphan", version)
            for name in os.listdir(self.root):
                if name != ".git":
                    shutil.rmtree(os.path.join(self.root, name), ignore_errors=True)
            shutil.copytree(self.sources[version], self.root, dirs_exist_ok=True)
            self.git("add", "--all")
            self.git("commit", "--quiet", "--message", version)
        self.deploy("A")

    def git(self, *arguments):
        run("git", "-C", self.root, "-c", "user.name=a", "-c", "user.email=a@example.org",
            *arguments)

    def deploy(self, version):
        self.git("checkout", "--quiet", version)


class Tar(Way):
    title = "archive unpacked"
    commands = "`tar -C root -xf new.tar`"
    tears = gap = True

    def start(self):
        super().start()
        for version in ONLY:
            run("tar", "-C", self.sources[version], "-cf", os.path.join(self.work, version), ".")

    def deploy(self, version):
        run("tar", "-C", self.root, "-xf", os.path.join(self.work, version))


class Install(Way):
    title = "installed file by file"
    commands = "`install -m 644 new/F F`"
    tears = gap = True

    def deploy(self, version):
        folders = {}
        for name in FILES + [ONLY[version]]:
            folders.setdefault(os.path.dirname(name), []).append(name)
        for folder, names in folders.items():
            run("install", "-m", "644",
                *(os.path.join(self.sources[version], name) for name in names),
                os.path.join(self.root, folder))


class Editor(Way):
    title = "editor that keeps a backup"
    commands = "`mv F F~`, write `F`, `rm F~`"
    tears = gap = True

    def deploy(self, version):
        for name in FILES + [ONLY[version]]:
            path = os.path.join(self.root, name)
            if os.path.exists(path):
                os.rename(path, path + "~")
            with open(path, "wb", buffering=0) as out:
                out.write(content(version, name))
            if os.path.exists(path + "~"):
                os.unlink(path + "~")


WAYS = [RenameFiles, LinkFiles, LinkDirectory, LinkRoot, LinkRootAndRemove, ExchangeDirectory,
        ExchangeRoot, Rsync, RsyncDelayed, MoveRoot, MoveDirectory, Editor, Git, Tar, Install,
        RsyncInPlace, Copy, Rebuild, RebuildRoot]
