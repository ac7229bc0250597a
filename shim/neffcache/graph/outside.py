"""Noun: files that a graph's custom calls name: their content counts, their place does not."""

import binascii
import posix

from neffcache import files
from neffcache.invocation import Bypass

CUSTOM = b"AwsNeuronCustom"
KERNEL, LIBRARY = b"AwsNeuronCustomNativeKernel", b"AwsNeuronCustomOp"
_OUTCOME = "graph_custom_code"
_DEEPEST = 3  # files named in files named in the kernel
_MOST = 256  # readings of files altogether
_LARGE = 64 << 20  # a larger file is not searched for names
_LONGEST = 4096  # a path
_NAME_END = b" \t\r\n\v\f\"'`,;:=|&<>()[]{}"
_SUFFIXES = (b".so", b".npy", b".json", b".klir", b".bir", b".bin", b".neff", b".py")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Find = Callable[[bytes], str]


class Outside:
    """Answers what stands for the configuration of a custom call.

    A text that names files by path becomes the files' digests, in the order of their paths' first
    places, and the text with zero bytes and a number where each path was. A name beside a text
    stays in it; only the digest is added.

    Attributes:
        references: (path, digest, size) of every file that was read, by path: as long as these are
            the same, the answers are.
    """

    __slots__ = ("_cwd", "_left", "_open", "references")

    def __init__(self, cwd: str) -> None:
        self._cwd = cwd
        self._open: list[str] = []  # files being read, each named in the one before
        self._left = _MOST
        self.references: dict[str, tuple[str, int]] = {}

    def __call__(self, target: bytes, config: bytes) -> "bytes | None":
        """None when the configuration names no file.

        Raises:
            Bypass: it names one that cannot be read, or nobody knows whether it does.
        """
        try:
            if target == KERNEL:
                return b"kernel " + self._kernel(config)
            if target == LIBRARY:
                return b"library " + self._libraries(config)
        except OSError as error:
            raise Bypass(_OUTCOME, f"{files.decode(target)}: {error}") from error
        text = _decoded(config) or config
        for word in _words(text):
            if word.startswith(b"/") or self._is_file(word):
                raise Bypass(_OUTCOME, f"{files.decode(target)} names {files.decode(word)}")
        if target.startswith(CUSTOM) and config:
            raise Bypass(_OUTCOME, f"{files.decode(target)} is not known")
        return None

    def _is_file(self, word: bytes) -> bool:
        """Whether a word without a path may be a file nevertheless."""
        if b"/" not in word and not word.endswith(_SUFFIXES):
            return False
        return _size(files.join(self._cwd, files.decode(word))) >= 0

    def _kernel(self, config: bytes) -> bytes:
        text = _decoded(config)
        if text is None:
            raise Bypass(_OUTCOME, "a kernel's configuration is not base64")
        path = _kernel_path(text)
        name = files.encode(path)
        if b'"' + name + b'"' not in text or not path.startswith("/"):
            raise Bypass(_OUTCOME, f"a kernel's path is not plain: {path}")
        return self._replaced(text, {name: self._find_kernel(path)})

    def _find_kernel(self, path: str) -> str:
        """Where the compiler finds it: at its path, else below its own directory."""
        above, name = files.parent(path), files.basename(path)
        beside = files.join(files.join(self._cwd, files.basename(above)), name)
        for candidate in (path, beside):
            if _size(candidate) >= 0:
                return candidate
        raise Bypass(_OUTCOME, f"there is no kernel {path}")

    def _libraries(self, config: bytes) -> bytes:
        """`path=<libraries>;hash=<md5>;` as torch_neuronx writes it."""
        head, _, tail = config.partition(b";")
        if not head.startswith(b"path=/") or not tail.startswith(b"hash="):
            raise Bypass(_OUTCOME, "a custom operator's configuration is not known")
        found = {}
        for name in head[5:].replace(b",", b":").split(b":"):
            path = files.decode(name)
            if not path.startswith("/") or _size(path) < 0:
                raise Bypass(_OUTCOME, f"there is no library {path}")
            found[name] = path
        return self._replaced(config, found)

    def _replaced(self, text: bytes, named: "dict[bytes, str]") -> bytes:
        """A text with digests for the paths of files: those given, and all others it names."""
        if b"\0" in text or b'"\\/' in text:
            raise Bypass(_OUTCOME, "a text of a kernel hides the names of files")
        for word in _words(text):
            if word.startswith(b"/") and word not in named and _size(files.decode(word)) >= 0:
                named[word] = files.decode(word)
        order = sorted(named, key=lambda name: (text.find(name), len(name)))
        lines = [_kept_suffix(name) + self._digest(named[name]) for name in order]
        # A path may be the beginning of another.
        for name in sorted(named, key=len, reverse=True):
            text = text.replace(name, b"\0%d\0" % order.index(name))
        return b"".join(lines) + text

    def _digest(self, path: str) -> bytes:
        """A line with the digest of a file and of what it names."""
        if path in self._open:
            return b"again %d\n" % self._open.index(path)
        self._left -= 1
        if self._left < 0:
            raise Bypass(_OUTCOME, f"the kernels need more than {_MOST} files")
        fd = files.open_read(path)
        try:
            found = posix.fstat(fd)
            if not files.is_regular(found.st_mode):
                raise Bypass(_OUTCOME, f"{path} is not a regular file")
            if found.st_size > _LARGE:
                return self._note(path, *_hash(fd))
            content = files.read_fd(fd, _LARGE, path)
        finally:
            posix.close(fd)
        line = self._note(path, files.digest(content), len(content))
        return line if b"\0" in content else self._followed(path, content, line)

    def _note(self, path: str, digest: str, size: int) -> bytes:
        self.references[path] = (digest, size)
        return digest.encode() + b"\n"

    def _followed(self, path: str, content: bytes, line: bytes) -> bytes:
        """The line of a text file, with what it names read as well."""
        directory = files.parent(path)
        names = frozenset(files.encode(name) for name in posix.listdir(directory))
        beside, named = [], False
        for word in sorted(_words(content)):
            if word.startswith(b"/"):
                named = named or _size(files.decode(word)) >= 0
            elif word.rpartition(b"/")[2] in names:
                full = files.join(directory, files.decode(word))
                if _size(full) >= 0:
                    beside.append((word, full))
        if not beside and not named:
            return line
        if len(self._open) >= _DEEPEST:
            raise Bypass(_OUTCOME, f"{path} names files in files in files")
        self._open.append(path)
        try:
            parts = [b"%d %b " % (len(word), word) + self._digest(full) for word, full in beside]
            return files.digest(b"".join(parts) + self._replaced(content, {})).encode() + b"\n"
        finally:
            self._open.pop()


def named(target: bytes, config: bytes) -> str:
    """What a custom call seems to name that no graph holds; "" when it names nothing.

    For whoever has the graph and not the host it comes from: nothing is looked up, so every word
    that may be a path counts as one.
    """
    if target.startswith(CUSTOM):
        return files.decode(target)
    for word in sorted(_words(_decoded(config) or config)):
        if b"/" in word or word.endswith(_SUFFIXES):
            return files.decode(word)
    return ""


def _kernel_path(text: bytes) -> str:
    import json

    try:
        stated = json.loads(text)
    except (ValueError, RecursionError):
        stated = None
    path: object = None
    if isinstance(stated, dict):
        inner = stated.get("klir_binary")
        path = inner.get("binary") if isinstance(inner, dict) else stated.get("klir_binary.binary")
    if not isinstance(path, str):
        raise Bypass(_OUTCOME, "a kernel's configuration names no kernel")
    return path


def _decoded(config: bytes) -> "bytes | None":
    """What base64 says, when it is that and nothing else."""
    try:
        text = binascii.a2b_base64(config)
    except ValueError:
        return None
    return text if text and binascii.b2a_base64(text, newline=False) == config else None


def _words(text: bytes) -> "set[bytes]":
    """Everything in a text that may name a file."""
    found = text.translate(bytes(32 if b in _NAME_END or b < 32 else b for b in range(256)))
    words = {word for word in found.split() if 1 < len(word) < _LONGEST}
    if b'"/' in text:  # a path may have blanks
        quoted = [word for word in text.split(b'"') if word.startswith(b"/")]
        words.update([word for word in quoted if 1 < len(word) < _LONGEST])
    return words


def _kept_suffix(name: bytes) -> bytes:
    """The kind of a file, which its reader may go by."""
    kind = name.rpartition(b"/")[2].rpartition(b".")[2]
    return kind + b" " if len(kind) < 6 and kind.isalnum() else b"- "


def _size(path: str) -> int:
    """Of a regular file; -1 when there is none of that name."""
    try:
        found = posix.stat(path)
    except (OSError, ValueError):
        return -1
    return found.st_size if files.is_regular(found.st_mode) else -1


def _hash(fd: int) -> "tuple[str, int]":
    made, total = files.new_hash(_LARGE), 0
    while part := posix.read(fd, files.CHUNK):
        made.update(part)
        total += len(part)
    return made.hexdigest(), total
