"""World: the name of the user's cache repository, in the file that optimum-neuron uses, too."""

from neffcache import files
from neffcache.errors import NeffcacheError
from neffcache.hub import home

FILE = "optimum_neuron_custom_cache"
_LIMIT = 4096

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def path(environ: "Mapping[bytes, bytes]") -> str:
    """The file that holds it, whether or not it is there; "" without a home."""
    directory = home.directory(environ)
    return files.join(directory, FILE) if directory else ""


def name(environ: "Mapping[bytes, bytes]") -> str:
    """What was saved, as it stands there but for blanks around it; "" when nothing was.

    A file that cannot be read names nothing: HOME is often another user's in a container.
    """
    try:
        return read(path(environ))
    except (OSError, ValueError):
        return ""


def read(file: str) -> str:
    """What such a file holds, "" when it is not there.

    Raises:
        OSError: it cannot be read, or is no such file by its size.
    """
    if not file:
        return ""
    try:
        return files.decode(files.read(file, _LIMIT)).strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def save(environ: "Mapping[bytes, bytes]", repo: str) -> str:
    """Save a name, the bare text as optimum-neuron writes it: the file.

    Raises:
        NeffcacheError: it cannot be written, or there is no home to write it to.
    """
    file = path(environ)
    try:
        if not file:
            raise OSError(2, "no home directory")
        files.make_directories(files.parent(file), 0o777)
        files.publish(file, files.encode(repo), sync=True, mode=0o666)
    except OSError as error:
        raise NeffcacheError(
            f"the name {repo} cannot be saved{' in ' if file else ''}{file} ({error.strerror})",
            f"correct HF_HOME or HOME, or set CUSTOM_CACHE_REPO={repo}",
        ) from error
    return file
