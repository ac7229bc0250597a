"""World: which compiler a script starts, remembered as long as its files stand still."""

import posix

from neffcache import files
from neffcache.invocation import Bypass

PACKAGE = "neuronxcc"
_FIRST_LINE = "neffcache-compiler 2"
_MOST = 1 << 20
UNIDENTIFIED = "compiler_unidentified"
# Label of the part that holds the digest of the package's own RECORD lines.
RECORD = "compiler record"
# The mode of checking that believes RECORD.
BELIEVE = "record"
# So much of the end of a file on PYTHONPATH is searched: an archive lists its members there.
_TAIL = 16 << 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.compiler.contents import Contents

    # device, inode, size, mtime and ctime in ns
    Stamp = tuple[int, int, int, int, int]


class Identity:
    """What a compiler is, and what must not move for that to stay true.

    Attributes:
        script: path of the neuronx-cc script.
        parts: labelled parts for the key.
        watched: (path, stamp) of every file that was read for it; stamp None: not there.
        user_site: "X.Y" when the interpreter also looks in the user's site-packages, else "".
        record: path of the package's RECORD; "" when the user vouches for it.
        contents: what is known of the files that RECORD lists; None: it is believed.
    """

    __slots__ = ("contents", "parts", "record", "script", "user_site", "watched")

    def __init__(
        self,
        script: str,
        parts: "list[tuple[str, bytes]]",
        watched: "list[tuple[str, Stamp | None]]",
        user_site: str,
    ) -> None:
        self.script = script
        self.parts = parts
        self.watched = watched
        self.user_site = user_site
        self.record = ""
        self.contents: Contents | None = None

    @property
    def site(self) -> str:
        """The site-packages directory that holds the package."""
        return files.parent(files.parent(self.record))

    def holds(self) -> bool:
        """Whether nothing that was read for it has changed since."""
        if not all(stamp(path) == state for path, state in self.watched):
            return False
        return self.contents is None or self.contents.holds()

    def shadow(self, environ: "Mapping[bytes, bytes]", cwd: str = ".") -> str:
        """What in this environment would put another package before it; "" when nothing.

        Args:
            cwd: the directory where the compiler will run.
        """
        if environ.get(b"PYTHONHOME"):
            return "PYTHONHOME is set"
        places = files.decode(environ.get(b"PYTHONPATH", b""))
        for element in places.split(":") if places else ():  # an empty one: where it runs
            if _holds_package(files.join(cwd, element)):
                return f"PYTHONPATH={element or '.'} holds {PACKAGE}"
        if self.user_site and not environ.get(b"PYTHONNOUSERSITE"):
            base = files.decode(environ.get(b"PYTHONUSERBASE", b""))
            base = base or files.decode(environ.get(b"HOME", b"/nonexistent")) + "/.local"
            site = files.join(cwd, f"{base}/lib/python{self.user_site}/site-packages")
            for place in (site, *_added_to(site)):
                if _holds_package(place):
                    return f"the user's {place} holds {PACKAGE}"
        return ""

    def text(self) -> bytes:
        """As it is remembered."""
        lines = [_FIRST_LINE, f"script {self.script}", f"usersite {self.user_site}"]
        lines.append(f"record {self.record}")
        lines += [f"part {label}\t{value.hex()}" for label, value in self.parts]
        for path, state in self.watched:
            numbers = " ".join(map(str, state)) if state else "absent"
            lines.append(f"file {numbers}\t{path}")
        body = files.encode("\n".join(lines) + "\n")
        return body + f"end {files.digest(body)}\n".encode()


def identify(
    script: str,
    environ: "Mapping[bytes, bytes]",
    memory: str = "",
    check: str = BELIEVE,
    cwd: str = ".",
) -> Identity:
    """The identity of the compiler that a script starts, without starting it.

    Args:
        script: path of neuronx-cc.
        environ: the environment it will see.
        memory: directory of remembered identities; "" for none.
        check: how far the package's files are held against its RECORD (see contents.check).
        cwd: the directory where it will run.

    Raises:
        Bypass: the package cannot be told with certainty.
    """
    place = f"{memory}/{files.digest(files.encode(script))[:32]}" if memory else ""
    made = _recall(place, script) if place else None
    if made is None:
        from neffcache.compiler import package

        made = package.examine(script)
        if place:
            _remember(place, made)
    shadow = made.shadow(environ, cwd)
    if shadow:
        raise Bypass(UNIDENTIFIED, shadow)
    if check != BELIEVE:
        from neffcache.compiler import contents

        contents.check(made, check, f"{place}.files" if place else "")
    return made


def named(text: str, script: str) -> Identity:
    """An identity that the user vouches for (NEFFCACHE_COMPILER_ID)."""
    return Identity(script, [("compiler", b"named " + files.encode(text))], [], "")


def _holds_package(place: str) -> bool:
    """Whether a place on the module path has the package: a directory, or an archive of modules."""
    try:
        names = posix.listdir(place)
    except NotADirectoryError:
        return _mentions_package(place)
    except OSError:
        # One that cannot be listed can still be imported from.
        return any(files.state(f"{place}/{PACKAGE}{suffix}") for suffix in ("", ".py", ".pyc"))
    return any(name == PACKAGE or name.startswith(PACKAGE + ".") for name in names)


def _mentions_package(path: str) -> bool:
    try:
        fd = files.open_read(path)
    except OSError:
        return False
    try:
        size = posix.fstat(fd).st_size
        return PACKAGE.encode() in posix.pread(fd, _TAIL, max(size - _TAIL, 0))
    except OSError:
        return False
    finally:
        posix.close(fd)


def _added_to(site: str) -> "list[str]":
    """What the .pth files of a site-packages directory add to the module path."""
    added: list[str] = []
    try:
        for name in posix.listdir(site):
            if name.endswith(".pth"):
                added += pth_lines(files.read(f"{site}/{name}", _MOST))
    except OSError:
        pass
    return [files.join(site, line) for line in added]


def pth_lines(data: bytes) -> "list[str]":
    """The lines of a .pth file that name places."""
    lines = [line.rstrip() for line in files.decode(data).split("\n")]
    return [line for line in lines if line and not line.startswith(("#", "import ", "import\t"))]


def _recall(place: str, script: str) -> "Identity | None":
    try:
        text = files.read(place, _MOST)
        body, mark, last = text.rpartition(b"end ")
        if not mark or last.strip().decode() != files.digest(body):
            return None
        made = _parse(files.decode(body))
    except (OSError, ValueError):
        return None
    return made if made.script == script and made.holds() else None


def _parse(text: str) -> Identity:
    lines = text.split("\n")
    if lines[0] != _FIRST_LINE:
        raise ValueError("unknown version")
    made = Identity(lines[1].partition(" ")[2], [], [], lines[2].partition(" ")[2])
    made.record = lines[3].partition(" ")[2]
    for line in lines[4:-1]:
        head, _, tail = line.partition("\t")
        word, _, rest = head.partition(" ")
        if word == "part":
            made.parts.append((rest, bytes.fromhex(tail)))
        else:
            made.watched.append((tail, None if rest == "absent" else parse_stamp(rest)))
    return made


def stamp(path: str) -> "Stamp | None":
    """What moves whenever a file is written to, its times put back or not; None: not there."""
    try:
        found = posix.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def parse_stamp(text: str) -> "Stamp":
    """A stamp as it is written. Raises ValueError."""
    device, inode, size, mtime, ctime = map(int, text.split(" "))
    return (device, inode, size, mtime, ctime)


def _remember(place: str, made: Identity) -> None:
    if any("\n" in path or "\t" in path for path, _state in made.watched):
        return
    try:
        files.make_directories(files.parent(place))
        files.publish(place, made.text())
    except OSError:
        pass  # a read-only store: examined anew each time
