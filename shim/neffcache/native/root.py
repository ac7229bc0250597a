"""Noun: where libneuronxla's cache lies, as the environment of a job says."""

from neffcache import files
from neffcache.errors import SettingError

DEFAULT = "/var/tmp/neuron-compile-cache"
FLAGS, URL = "NEURON_CC_FLAGS", "NEURON_COMPILE_CACHE_URL"
_OPTION = "--cache_dir"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def find(environ: "Mapping[bytes, bytes]", cwd: str) -> str:
    """The cache's absolute path: by NEURON_CC_FLAGS, else NEURON_COMPILE_CACHE_URL, else its usual.

    Raises:
        SettingError: it is no directory here (`s3://...`), or cannot be told; names the variable.
    """
    found = _by_flags(files.decode(environ.get(FLAGS.encode(), b"")))
    if found:
        return checked(found, FLAGS, cwd)
    found = files.decode(environ.get(URL.encode(), b""))
    return checked(found, URL, cwd) if found else DEFAULT


def checked(path: str, origin: str, cwd: str) -> str:
    """A path as it was given, made absolute.

    Args:
        origin: what gave it, for the message.

    Raises:
        SettingError: it is empty, a URL, or begins with a tilde that nobody has resolved.
    """
    remedy = "name a directory with --cache-dir"
    if "://" in path:
        scheme = path.partition("://")[0]
        raise SettingError(f"{origin}: a cache at {scheme}:// is left to libneuronxla", remedy)
    if not path or path.startswith("~") or "\0" in path:
        raise SettingError(f"{origin}: {path!r} is not a plain path", remedy)
    full = files.join(cwd, path)
    return full.rstrip("/") or "/"


def _by_flags(text: str) -> str:
    """What follows `--cache_dir` in compiler flags, quoted as for a shell; the last one wins."""
    if _OPTION not in text:
        return ""
    import shlex

    try:
        words = shlex.split(text)
    except ValueError as error:
        raise SettingError(f"{FLAGS}: {str(error).lower()}", "close the quotation") from error
    found = ""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == _OPTION:
            found = following
        elif word.startswith(_OPTION + "="):
            found = word[len(_OPTION) + 1 :]
    return found
